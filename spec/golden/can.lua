-- What heads of a limited conversation were saved with. Never change it: the heads
-- beside it hold functions of it.
local s = require "stube"

local Agent = s.component("golden/agent", {
  start = function(self) self.began = "it has begun" end,
  render = function(self)
    return { "section", { "p", self.began, "; ", self.said },
      { "button", on_click = "script", "Script" }, { "button", on_click = "time", "Time" } }
  end,
  on = {
    script = function(self) self.said = select(2, pcall(s.execute_script, "1")) end,
    time = function(self) s.after(86400, "script"); self.said = "it may wait" end,
  },
})

s.mount("/boss", s.component("golden/boss", {
  render = function(self)
    return { "section", { "button", on_click = "hire", "Hire" }, { "p", "made ", self.cid } }
  end,
  on = { hire = function(self) self.cid = s.spawn(Agent, { can = { "after" } }).cid end },
}))
