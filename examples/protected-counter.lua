-- A page for those who are signed in. Who somebody is, the app says once, when the
-- conversation begins: from a cookie, a token, a proxy's header; here whoever gives a
-- name is believed. It stays with the conversation for life.
local s = require "stube"

s.config { principal = function(req)
  local user = req.query.user
  return type(user) == "string" and user ~= "" and { name = user } or nil
end }

local Count = s.component("protected/count", {
  init = { n = 0 },
  render = function(self)
    return { "p.stube-counter",
      { "button", on_click = { "add", -1, queue = true }, aria_label = "Decrease", "−" },
      { "output", self.n },
      { "button", on_click = { "add", 1, queue = true }, aria_label = "Increase", "+" } }
  end,
  on = { add = function(self, by) self.n = self.n + by end },
})

-- What is not drawn cannot be clicked: an event's URL is signed when it is drawn, and
-- good for its own conversation alone.
local Protected = s.component("demo/protected-counter", {
  children = { count = Count() },
  render = function()
    local user = s.principal()
    return { "section", { "h1", "Protected counter" },
      user and { "", { "p", "Signed in as ", user.name, "." }, s.slot "count" }
        or { "p", "This page is only available to a signed-in user." } }
  end,
})

s.mount("/protected-counter", Protected, { title = "Protected counter" })
