-- A component: state, a picture of it, and what its buttons do. Reset asks first,
-- in the middle of a handler, and goes on with the answer.
local s = require "stube"

local Counter = s.component("demo/counter", {
  init = { n = 0 },
  render = function(self)
    return { "section.stube-counter",
      { "h1", "Counter" },
      { "p",
        { "button", on_click = { "dec", queue = true }, aria_label = "Decrease", "−" },
        { "output", self.n },
        { "button", on_click = { "inc", queue = true }, aria_label = "Increase", "+" } },
      { "button", on_click = "reset", "Reset" } }
  end,
  on = {
    inc = function(self) self.n = self.n + 1 end,
    dec = function(self) self.n = self.n - 1 end,
    reset = function(self)
      if self.n ~= 0 and s.await(s.confirm("Reset to zero?")) then
        self.n = 0
      end
    end,
  },
})

s.mount("/counter", Counter, { title = "Counter" })
