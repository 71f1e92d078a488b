-- What happens without a visitor: a flow that sleeps, timers, messages.
local s = require "stube"

s.flow("e2e/tea", function()
  s.await(s.info("Tea?", { ok = "Brew" }))
  for cup = 1, 3 do
    s.sleep(0.5)
    s.await(s.info("Cup " .. cup, { ok = "Drink" }))
  end
  s.await(s.info("No more tea"))
end)

-- Rings after a moment; a second timer says when a second ring would have come.
local Bell = s.component("e2e/bell", {
  init = { set = 0, rung = 0, over = 0 },
  render = function(self)
    return { "section",
      { "output", ("set %d, rung %d, over %d"):format(self.set, self.rung, self.over) },
      { "button", on_click = "set", "Set" } }
  end,
  on = {
    set = function(self)
      self.set = self.set + 1
      s.after(0.3, "ring")
    end,
    ring = function(self)
      self.rung = self.rung + 1
      s.after(0.3, "over")
      s.publish("bells", self.rung)
    end,
    over = function(self) self.over = self.over + 1 end,
  },
})

local Ear = s.component("e2e/ear", {
  init = { heard = "" },
  start = function() s.subscribe("bells", "bell") end,
  render = function(self) return { "output", "heard" .. self.heard } end,
  on = { bell = function(self, n) self.heard = self.heard .. " " .. n end },
})

s.mount("/tea", "e2e/tea")
s.mount("/bell", Bell)
s.mount("/ear", Ear)
