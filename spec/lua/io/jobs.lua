-- Functions that io_spec.lua lets workers run.
local s = require "stube"

local M = { count = 0, config = { name = "as loaded" } }

function M.add(a, b) return a + b end

function M.echo(...) return ... end

function M.count_up()
  M.count = M.count + 1
  return M.count
end

function M.spoil(t)
  t.list[#t.list + 1] = "more"
  t.me = t
  return t
end

function M.name() return M.config.name end

function M.name_of(config) return config.name end

function M.id(...) return s.io_id(), ... end

--- A function of what it is given: closes over plain values, and over a table.
function M.closing(n, list)
  local calls = 0
  return function(more)
    calls = calls + 1
    list[#list + 1] = more
    return n + #list, calls, M.count
  end
end

function M.calls(f, ...) return f(...) end

function M.fails(text) error(text or "no") end

function M.fails_with(value) error(value) end

function M.fails_deep()
  local function inner() M.fails "deep" end
  inner()
end

function M.swallows()
  local ok, e = pcall(M.fails, "inner")
  return ok, e
end

function M.forever()
  while true do end
end

function M.hoards()
  local all = {}
  while true do all[#all + 1] = ("x"):rep(100000) .. #all end
end

function M.long(n) return ("x"):rep(n) end

function M.many(n) return table.unpack({}, 1, n) end

--- Reads a pipe to its end, and says beside it that it is about to.
function M.read(path)
  local f <close> = assert(io.open(path))
  do
    local note <close> = assert(io.open(path .. ".readers", "a"))
    note:write "x"
  end
  return f:read "a"
end

--- Says in a file that it ran, under which id; then waits for what another says.
function M.note(path, fifo)
  do
    local f <close> = assert(io.open(path, "a"))
    f:write(s.io_id(), "\n")
  end
  return fifo and M.read(fifo) or "done"
end

function M.tries(name, ...)
  local f = s
  for step in name:gmatch "[%w_]+" do f = f[step] end
  local ok, e = pcall(f, ...)
  return ok, tostring(e)
end

local shared = s.atom("io/atom", 1)
function M.atom(method) return pcall(shared[method], shared, 2) end

function M.runs_coroutines()
  local f = coroutine.wrap(function(...)
    local sum = 0
    for i = 1, select("#", ...) do sum = sum + coroutine.yield((select(i, ...))) end
    return "sum " .. sum
  end)
  return f(1, 2), f(10), f(20)
end

function M.required()
  local late = require "spec.lua.io.late"
  return late.seen(), require "spec.lua.io.jobs" == M
end

-- Values with a metatable.
local Point = { __name = "point" }
Point.__index = Point
function Point:sum() return self.x + self.y end
M.Point = Point

function M.point(x, y) return setmetatable({ x = x, y = y }, Point) end

function M.sum(p) return p:sum(), M.point(p.y, p.x) end

function M.gives_self(self) return self end
function M.gives_function() return { f = M.add } end
function M.gives_file() return { { io.stdout } } end
function M.gives_thread() return coroutine.create(print) end

return M
