-- What heads that wait for a worker were saved with. Never change it: the heads beside
-- it hold functions of it.
local s = require "stube"

local function read_pipe(before, t)
  local pipe <close> = assert(io.open(os.getenv "GOLDEN_PIPE"))
  return before .. pipe:read "a", t.n
end

s.flow("golden/io", function()
  local n = 1
  s.show { "p", "It waits" }
  local said, more = s.io(read_pipe, "It says ", { n = 2 })
  n = n + more
  s.await(s.info(said .. " " .. n, { ok = "Next" }))
end)

s.mount("/io", "golden/io")
