-- The address holds the state: each number is an address of its own, to be gone
-- back to, reloaded, or sent to somebody.
local s = require "stube"

local Counter = s.component("demo/url-counter", {
  init = { n = 0 },
  url = function(self) return s.url("/url-counter", { n = self.n }), "push" end,
  render = function(self)
    return { "section", { "h1", "URL-state counter" },
      { "p.stube-counter",
        { "button", on_click = { "add", -1, queue = true }, aria_label = "Decrease", "−" },
        { "output", self.n },
        { "button", on_click = { "add", 1, queue = true }, aria_label = "Increase", "+" } } }
  end,
  on = {
    add = function(self, by) self.n = self.n + by end,
  },
})

s.mount("/url-counter", Counter, {
  title = "URL-state counter",
  args = function(req) return { n = math.tointeger(tonumber(req.query.n)) or 0 } end,
})
