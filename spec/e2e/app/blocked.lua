-- Calls of C functions that take long, with everybody waiting.
local s = require "stube"

s.mount("/", s.component("e2e/blocked", {
  init = { n = 0 },
  render = function(self)
    return { "p", { "output", self.n }, { "button", on_click = "count", "Count" },
      { "button", on_click = { "sleep", 1.6 }, "Nap" },
      { "button", on_click = { "sleep", 5 }, "Sleep" } }
  end,
  on = {
    count = function(self) self.n = self.n + 1 end,
    sleep = function(self, seconds)
      os.execute("sleep " .. seconds)
      self.n = self.n + 10
    end,
  },
}))
