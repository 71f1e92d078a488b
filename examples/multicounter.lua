-- Children: three counters that live in one component and know nothing of it.
local s = require "stube"

local Count = s.component("demo/count", {
  init = { n = 0 },
  render = function(self)
    return { "div.stube-counter",
      { "button", on_click = { "dec", queue = true }, aria_label = "Decrease", "−" },
      { "output", self.n },
      { "button", on_click = { "inc", queue = true }, aria_label = "Increase", "+" } }
  end,
  on = {
    inc = function(self) self.n = self.n + 1 end,
    dec = function(self) self.n = self.n - 1 end,
  },
})

local Multicounter = s.component("demo/multicounter", {
  children = {
    counters = {
      { "a", Count { n = 0 } },
      { "b", Count { n = 5 } },
      { "c", Count { n = 10 } },
    },
  },
  render = function()
    return { "section",
      { "h1", "Multicounter" },
      s.slot("counters", { "div.stube-stack" }) }
  end,
})

s.mount("/multicounter", Multicounter, { title = "Multicounter" })
