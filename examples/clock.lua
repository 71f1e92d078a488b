-- Time without threads or JavaScript: a timer brings an event, the handler asks for
-- the next one. Asking again replaces the timer that is pending, so there is never
-- more than one. What a lost tick would cost is nothing, so they are volatile: their
-- turns are not each written to the disk.
local s = require "stube"

local Clock = s.component("clock/live", {
  init = { ticks = 0, runs = true },
  start = function() s.after(1, "tick", nil, { volatile = true }) end,
  render = function(self)
    return { "section.stube-card", { "h2", "Live clock" },
      { "p", { "output", os.date("%H:%M:%S", os.time()) } },
      { "p", { "small", self.ticks, " ticks delivered by s.after" } },
      { "button.stube-button", on_click = "toggle", self.runs and "Pause" or "Resume" } }
  end,
  on = {
    tick = function(self)
      if not self.runs then return end
      self.ticks = self.ticks + 1
      s.after(1, "tick", nil, { volatile = true })
    end,
    toggle = function(self)
      self.runs = not self.runs
      s.after(1, "tick", nil, { volatile = true })
    end,
  },
})

local Turbo = s.component("clock/turbo", {
  init = { n = 0, runs = true },
  start = function() s.after(0.25, "tick", nil, { volatile = true }) end,
  render = function(self)
    return { "section.stube-card", { "h2", "Turbo counter" },
      { "p", { "output", self.n } },
      { "div.stube-actions",
        { "button.stube-button", on_click = "toggle", self.runs and "Stop" or "Start" },
        { "button.stube-button", on_click = "reset", "Reset" } } }
  end,
  on = {
    tick = function(self)
      if not self.runs then return end
      self.n = self.n + 1
      s.after(0.25, "tick", nil, { volatile = true })
    end,
    toggle = function(self)
      self.runs = not self.runs
      s.after(0.25, "tick", nil, { volatile = true })
    end,
    reset = function(self) self.n = 0 end,
  },
})

local Timers = s.component("demo/timers", {
  children = { clock = Clock(), turbo = Turbo() },
  render = function()
    return { "section", { "h1", "Timers" },
      { "div.stube-stack", s.slot "clock", s.slot "turbo" } }
  end,
})

s.mount("/clock", Timers, { title = "Clock / turbo counter" })
