-- Scripts and signals that a page gets when it can.
local s = require "stube"

local function log(what)
  s.execute_script(("document.body.dataset.log = (document.body.dataset.log ?? '') + '%s ';")
    :format(what))
end

s.mount("/", s.component("e2e/scripts", {
  init = { n = 0 },
  start = function() log "start" end,
  render = function(self)
    return { "div", { "output", self.n }, { "button", on_click = "run", "Run" },
      { "p", data_text = "$ran" } }
  end,
  on = {
    run = function(self)
      self.n = self.n + 1
      log(self.n)
      s.patch_signals { ran = "ran " .. self.n }
    end,
  },
}))
