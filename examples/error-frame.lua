-- A handler that fails: the turn is put back, and the banner stands where the
-- component stood. "Try again" in it draws the last good state.
local s = require "stube"

local Frame = s.component("demo/error-frame", {
  init = { n = 0 },
  render = function(self)
    return { "section", { "h1", "Error frame demo" },
      { "p", "Counter: ", self.n },
      { "div.stube-actions",
        { "button.stube-button", on_click = { "inc", queue = true }, "+1" },
        { "button.stube-button", on_click = "boom", "Boom" } } }
  end,
  on = {
    inc = function(self) self.n = self.n + 1 end,
    boom = function(self)
      self.n = 1000 -- never seen
      error "Boom! This handler always fails."
    end,
  },
})

s.mount("/error-frame", Frame, { title = "In-page error frame" })
