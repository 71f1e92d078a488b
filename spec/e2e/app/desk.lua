-- A desk from which somebody looks after the conversations of others.
local s = require "stube"

s.component("e2e/visited", {
  init = { n = 0 },
  render = function(self)
    return { "section", { "output", self.n }, { "button", on_click = "inc", "+1" } }
  end,
  on = {
    inc = function(self, by) self.n = self.n + (by or 1) end,
    fail = function() error "on purpose" end,
  },
})
s.mount("/visited", "e2e/visited")

--- POST /desk { cid =, deed =, with = }: does it, and says what came of it.
s.route("POST", "/desk", function(req)
  local c = s.conversation(req.json.cid)
  if not c then return { status = 404, body = "gone" } end
  local result, why = c[req.json.deed](c, req.json.with)
  return { json = { result = result, why = why } }
end)
