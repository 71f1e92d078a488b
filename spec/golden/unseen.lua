-- What heads with unacknowledged scripts were saved with. Never change it: the heads
-- beside it hold functions of it.
local s = require "stube"

s.mount("/", s.component("golden/scripts", {
  init = { n = 0 },
  start = function() s.execute_script "began()" end,
  render = function(self)
    return { "section", { "p", "ran ", self.n, " times" },
      { "button", on_click = "run", "Run" } }
  end,
  on = {
    run = function(self)
      self.n = self.n + 1
      s.execute_script(("run(%d)"):format(self.n))
      s.patch_signals { ran = self.n }
    end,
  },
}))
