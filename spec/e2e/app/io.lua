-- Functions in worker threads, in a process that ends while they run.
local s = require "stube"

--- Says in a file under which id it runs, then reads a pipe to its end.
local function ask_outside(dir)
  local f = assert(io.open(dir .. "/ids", "a"))
  f:write(s.io_id(), "\n")
  f:close()
  local pipe <close> = assert(io.open(dir .. "/pipe"))
  return pipe:read "a", #dir
end

s.flow("e2e/io", function(args)
  local said, n = "", 0
  while true do
    s.await(s.info(("Said: %s (%d)"):format(said, n), { ok = "Ask" }))
    s.show { "p", "Asking ..." }
    local got, len = s.io(ask_outside, args.dir)
    n = n + 1
    said = said .. got .. (len == #args.dir and "" or "?")
  end
end)

s.mount("/ask", "e2e/io", { args = function(req) return { dir = req.query.dir } end })

local Counter = s.component("e2e/io-counter", {
  init = { n = 0 },
  render = function(self)
    return { "section", { "output", self.n }, { "button", on_click = "inc", "+" } }
  end,
  on = { inc = function(self) self.n = self.n + 1 end },
})
s.mount("/count", Counter)

s.flow("e2e/io-aside", function(args)
  s.await(s.info("Aside?", { ok = "Go" }))
  s.background(ask_outside, args.dir)
  s.await(s.info("Going on", { ok = "Fine" }))
end)
s.mount("/aside", "e2e/io-aside",
  { args = function(req) return { dir = req.query.dir } end })
