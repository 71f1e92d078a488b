-- Shapes along the chapters of Lua's own test suite, second half: calls, errors, where
-- one cannot wait, events, constructs. Rules as in shapes.lua, new
-- ones to the end.
local shapes = {}

--- What a closing variable does: it waits, notes who closed it and with what error.
local Note = {}
function Note.__close(self, err)
  local n = wait()
  self.log[#self.log + 1] = ("%s@%d%s"):format(self.name, n,
    err == nil and "" or "!" .. tostring(type(err) == "table" and err.code or err))
  if self.throws then error(self.throws, 0) end
end
local function note(log, name, throws)
  return setmetatable({ log = log, name = name, throws = throws }, Note)
end
local function join(log) return table.concat(log, " ") end

-- === calls ===

function shapes.methods_down_a_path()
  local t = { a = { b = { n = 5 } } }
  function t.a.b:add(k) self.n = self.n + k + wait() return self end
  return t.a.b:add(1):add(2):add(3).n
end
function shapes.calls_without_parentheses()
  local function f(x) wait() return type(x) == "table" and x[1] or x end
  return f "text", f { "item" }, f [[long]], (f "one" .. f { "two" })
end
function shapes.order_of_evaluation()
  local log = {}
  local function v(x) log[#log + 1] = x .. "@" .. wait() return x end
  local t = { [v "k1"] = v "v1", v "v2", [v "k2"] = v "v3" }
  t[v "k3"], t[v "k4"] = v "v4", v "v5"
  return join(log), t.k1, t[1], t.k3, t.k4
end
function shapes.swaps()
  local a, b, c = wait(), wait(), wait()
  a, b, c = c, a, b
  local t = { 1, 2 }
  local i = 1
  i, t[i] = i + wait(), 20
  return a, b, c, i, t[1], t[2]
end
function shapes.tail_calls_without_end()
  local function loop(n, acc) if n == 0 then return acc end if n % 500 == 0 then acc = acc + wait() end return loop(n - 1, acc) end
  return loop(2000, 0)
end
function shapes.tail_call_of_methods_and_callables()
  local C = setmetatable({}, { __call = function(_, n) return n + wait() end })
  local o = { v = 3 }
  function o:m(n) return C(n + self.v) end
  local function f(n) return o:m(n) end
  return f(1), f(2)
end
function shapes.as_deep_as_can_be_saved()
  local function down(n)
    if n == 0 then return wait() end
    local r = down(n - 1)
    if n % 250 == 0 then wait() end
    return r + 1
  end
  return down(990)
end
function shapes.deep_in_metamethods()
  local mt = {}
  mt.__index = function(t, k) if k == 0 then return wait() end return t[k - 1] + 1 end
  return setmetatable({}, mt)[40]
end
function shapes.deep_in_pcalls()
  local function down(n) if n == 0 then wait() error("bottom", 0) end local ok, e = pcall(down, n - 1) wait() error(e .. n % 10, 0) end
  return pcall(down, 30)
end
function shapes.hundred_arguments()
  local function f(...) wait() return select("#", ...) end
  local t = {}
  for i = 1, 100 do t[i] = i end
  return f(table.unpack(t)), f(wait(), table.unpack(t))
end

-- === errors ===

function shapes.errors_name_variables()
  local function try(f) return (select(2, pcall(f)):gsub("^.-:%d+: ", "")) end
  local up
  local t = { inner = {} }
  return try(function() local x = nil wait() return x.y end),
    try(function() wait() return up() end),
    try(function() wait() return t.inner.missing.field end),
    try(function() wait() return t.inner:method() end),
    try(function() local a, b = wait(), {} return a + b end),
    try(function() wait() return #up end),
    try(function() wait() return "x" .. t end),
    try(function() wait() return 1 < "2" end),
    try(function() local n = wait() return n // 0 end),
    try(function() wait() return 2 ^ 53 | 0.5 end),
    try(function() for i = 1, wait(), 0 do return i end end)
end
function shapes.errors_have_lines()
  local function at(level) wait() error("here", level) end
  local function line(level) return select(2, pcall(function()
    at(level)
  end)):match("lua:%d+: here") or "none" end
  return line(1) ~= line(2), line(0), line(2)
end
function shapes.lines_and_names_after_a_wait()
  local function f(a, b) wait() local i = debug.getinfo(1, "Slnu") return i.currentline - i.linedefined, i.name, i.nparams, i.what, a, b end
  return f(1, 2)
end
function shapes.traceback_after_a_wait()
  local function inner() wait() return debug.traceback("trace", 1) end
  local function outer() local t = inner() return t end
  local t = outer()
  return (t:gsub("0x%x+", "?"))
end
function shapes.locals_seen_by_debug()
  local one, two = "1", wait()
  do local three = "3" wait()
    local s = {}
    for i = 1, 3 do local n, v = debug.getlocal(1, i) s[i] = n .. "=" .. tostring(v) end
    return join(s), three, one, two
  end
end
function shapes.error_values_of_all_kinds()
  local s = {}
  for _, v in ipairs { "text", 12, true, {}, print } do
    local ok, e = pcall(function() wait() error(v) end)
    s[#s + 1] = tostring(ok) .. type(e)
  end
  local ok, e = pcall(function() wait() error() end)
  return join(s), ok, e
end
function shapes.error_rethrown_and_changed()
  local function lower() wait() error("low", 0) end
  local function middle() local ok, e = pcall(lower) wait() if not ok then error(e .. " mid" .. wait(), 0) end end
  local function upper() local ok, e = pcall(middle) return ok, e .. " up" end
  return upper()
end
function shapes.error_in_a_handler()
  local n = 0
  local ok, e = xpcall(function() wait() error("x", 0) end, function(m) n = n + 1 if n < 3 then error("again", 0) end return m .. n end)
  wait()
  return ok, e, n
end
function shapes.assert_and_its_values()
  local ok, e = pcall(function() assert(wait() == 0, "not 0") end)
  return ok, e, select("#", assert(wait(), nil, 3)), pcall(assert, false, { wait() } and "v")
end
function shapes.handler_sees_the_stack()
  local depth
  local function f(n) if n == 0 then wait() error("deep", 0) end f(n - 1) return n end
  local ok = xpcall(f, function() depth = 0 while debug.getinfo(depth + 1, "l") do depth = depth + 1 end end, 5)
  return ok, depth > 6
end
function shapes.close_and_handler_after_waits()
  local log = {}
  local ok, e = xpcall(function(...)
    local a <close> = note(log, "a")
    wait()
    local t = { ... }
    return t[1].x.y
  end, function(m) log[#log + 1] = "h" return (m:gsub("^.-:%d+: ", "")) end, {})
  return ok, e, join(log)
end

-- === where one cannot wait: each says where ===

local function refusal(f, ...)
  wait()
  local ok, e = pcall(f, ...)
  assert(not ok, "it could wait")
  return (tostring(e):gsub("^.-:%d+: ", ""))
end
function shapes.refused_in_sort() return refusal(table.sort, { 3, 2, 1 }, function(a, b) wait() return a < b end) end
function shapes.refused_in_sort_by_metamethod()
  local mt = { __lt = function(a, b) wait() return a.n < b.n end }
  return refusal(table.sort, { setmetatable({ n = 2 }, mt), setmetatable({ n = 1 }, mt) })
end
function shapes.refused_in_gsub() return refusal(string.gsub, "abc", "%w", function() wait() end) end
function shapes.refused_in_tostring() return refusal(tostring, setmetatable({}, { __tostring = function() wait() return "" end })) end
function shapes.refused_in_format() return refusal(string.format, "%s", setmetatable({}, { __tostring = function() wait() return "" end })) end
function shapes.refused_in_load()
  wait()
  local f, e = load(function() wait() end)
  return f, (tostring(e):gsub("^.-:%d+: ", ""))
end
function shapes.refused_in_table_functions()
  local lazy = setmetatable({}, { __index = function(_, i) wait() return i end, __newindex = function(t, k, v) wait() rawset(t, k, v) end, __len = function() wait() return 3 end })
  return refusal(table.concat, lazy), refusal(table.unpack, lazy, 1, 2), refusal(table.insert, lazy, 1),
    refusal(table.remove, lazy), refusal(table.move, lazy, 1, 2, 3)
end
function shapes.refused_in_ipairs()
  local lazy = setmetatable({}, { __index = function(_, i) wait() return i < 3 and i or nil end })
  return refusal(function() for _ in ipairs(lazy) do break end end)
end
function shapes.refused_in_a_handler()
  local why
  local ok = xpcall(function() wait() error("x", 0) end, function() why = select(2, pcall(wait)) end)
  return ok, why
end
function shapes.refused_then_goes_on()
  local s = {}
  for i = 1, 3 do
    s[i] = select(2, pcall(table.sort, { 2, 1 }, function() wait() end)) and wait()
  end
  return join(s)
end

-- === events ===

function shapes.index_through_a_chain()
  local base = setmetatable({}, { __index = function(_, k) return k .. wait() end })
  local mid = setmetatable({ own = "mid" }, { __index = base })
  local top = setmetatable({}, { __index = mid })
  return top.own, top.far, top[1], rawget(top, "far")
end
function shapes.newindex_through_a_chain()
  local log = {}
  local base = setmetatable({}, { __newindex = function(t, k, v) log[#log + 1] = k .. wait() rawset(t, k, v) end })
  local top = setmetatable({}, { __newindex = base })
  top.a = 1
  top.a = 2
  top[wait()] = 3
  return join(log), base.a, rawget(top, "a")
end
function shapes.metamethod_added_after_a_miss()
  local mt = {}
  local t = setmetatable({}, mt)
  local before = t.x
  wait()
  mt.__index = function(_, k) return k .. wait() end
  mt.__len = function() return wait() end
  mt.__eq = function() wait() return true end
  local u = setmetatable({}, mt)
  return before, t.x, #t, t == u
end
function shapes.metamethod_taken_away()
  local mt = { __index = function(_, k) return k .. wait() end, __call = function() return "called" .. wait() end }
  local t = setmetatable({}, mt)
  local a, b = t.x, t()
  mt.__index, mt.__call = nil, nil
  wait()
  return a, b, t.x, pcall(function() return t() end) == false
end
function shapes.inheritance()
  local function class(parent) local c = {} c.__index = c return setmetatable(c, parent and { __index = parent }) end
  local A = class() function A:name() return "A" .. wait() end function A:both() return self:name() .. "a" end
  local B = class(A) function B:name() return "B" .. A.name(self) end
  local C = class(B) function C:name() return "C" .. B.name(self) end
  return setmetatable({}, C):both(), setmetatable({}, A):both()
end
function shapes.equality_of_all_kinds()
  local calls = 0
  local mt = { __eq = function(a, b) calls = calls + 1 wait() return a.n == b.n end }
  local function n(v) return setmetatable({ n = v }, mt) end
  local a, b, c = n(1), n(1), n(2)
  local s = {}
  if a == b then s[#s + 1] = "1" end
  if a ~= c then s[#s + 1] = "2" end
  if not (a == c) then s[#s + 1] = "3" end
  s[#s + 1] = tostring(a == b and a == c or b == a)
  s[#s + 1] = tostring(a == a) .. tostring(a == 1) .. tostring(a == nil)
  while a ~= b do break end
  repeat local same = a == c until a == b or same
  return join(s), calls
end
function shapes.comparison_results_are_booleans()
  local mt = { __lt = function() wait() return "truthy" end, __le = function() wait() return nil end }
  local a, b = setmetatable({}, mt), setmetatable({}, mt)
  return a < b, a <= b, a > b, a >= b, not (a < b), a < 1, 1 <= a, (a < b and "and") or "or"
end
function shapes.concat_in_the_middle()
  local mt = { __concat = function(a, b) local n = wait() return (type(a) == "table" and "T" or a) .. n .. (type(b) == "table" and "T" or b) end }
  local t = setmetatable({}, mt)
  return "a" .. t .. "b" .. t .. 1 .. 2.5, t .. t .. t, 1 .. 2 .. t .. "", t .. 3 .. t
end
function shapes.arithmetic_with_constants()
  local mt = {}
  for _, op in ipairs { "add", "sub", "mul", "div", "mod", "pow", "idiv", "band", "bor", "bxor", "shl", "shr" } do
    mt["__" .. op] = function(a, b) return op .. (type(a) == "table" and "t" or a) .. (type(b) == "table" and "t" or b) .. wait() end
  end
  local t = setmetatable({}, mt)
  return t + 1, 1 + t, t - 1, t * 2.5, t / 2, t % 3, t ^ 2, t // 4, t & 7, t | 7, t ~ 7, t << 1, 1 << t, t >> 1, 1 >> t, t + t
end
function shapes.unary_events()
  local mt = { __unm = function() return "-" .. wait() end, __bnot = function() return "~" .. wait() end, __len = function() return "#" .. wait() end }
  local t = setmetatable({}, mt)
  return -t, ~t, #t, not t, - -3, #t .. -t
end
function shapes.call_events_with_many_arguments()
  local mt = { __call = function(self, ...) wait() return self.n, select("#", ...), ... end }
  local f = setmetatable({ n = 9 }, mt)
  return f(), f(1, nil, 3), (f("x")), pcall(f, "p")
end
function shapes.pairs_event_with_a_closing_value()
  local log = {}
  local t = setmetatable({}, { __pairs = function() wait() return function(_, k) wait() k = (k or 0) + 1 if k < 4 then return k, k * k end end, nil, nil, note(log, "never") end })
  local s = 0
  for k, v in pairs(t) do s = s + k * v end
  return s, join(log)
end
function shapes.event_in_event()
  local inner = setmetatable({}, { __index = function(_, k) return k + wait() end })
  local outer = setmetatable({}, { __index = function(_, k) return inner[k] + inner[k + 1] end, __add = function(a, b) return a[1] + b[2] end })
  return outer + outer, outer[5]
end
function shapes.global_events()
  local env <const> = setmetatable({}, { __index = function(_, k) wait() return k == "tostring" and tostring or k end, __newindex = function(t, k, v) wait() rawset(t, k .. "!", v) end })
  local function f() local _ENV <const> = env x = y z = x return tostring(x) end
  return f(), rawget(env, "x!"), rawget(env, "z!")
end

-- === constructs ===

function shapes.all_short_circuits()
  local s = {}
  local function v(x) wait() return x end
  for _, a in ipairs { false, 1 } do
    for _, b in ipairs { false, 2 } do
      s[#s + 1] = tostring(v(a) and v(b)) .. tostring(v(a) or v(b)) .. tostring(not v(a) == v(b)) .. tostring((v(a) and v(b) or "c") and a)
    end
  end
  return join(s)
end
function shapes.ladder_of_conditions()
  local s = {}
  for i = 1, 5 do
    if wait() == 1 then s[i] = "one" elseif i == 2 and wait() then s[i] = "two" elseif not (i ~= 3 or wait() < 0) then s[i] = "three" else s[i] = "else" .. wait() end
  end
  return join(s)
end
function shapes.operators_of_all_levels()
  return 1 + wait() * 2 ^ wait() - -wait() // 1, wait() .. wait() .. 1 < "9", not (wait() == 1) and wait() | 8 ~ wait() & 3 << 1
end
function shapes.constructors_in_constructors()
  local t = { a = { b = { wait(), c = { wait() } }, wait() }, { { { wait() } } }, [wait()] = { wait() } }
  return t.a.b[1], t.a.b.c[1], t.a[1], t[1][1][1][1], t[5][1]
end
function shapes.constructor_past_the_first_lists()
  local t = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, wait(),
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
    6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
    7, 7, wait(), 7, x = wait(), wait(),
  }
  return #t, t[150], t[303], t[305], t.x
end
function shapes.blocks_in_blocks()
  local s = 0
  do local a = wait() do local b = a + wait() do local c = b + wait() do local d = c + wait() s = a + b + c + d end end end end
  while true do local x = s repeat local y = x + wait() if y > 0 then s = y break end until false if s then break end end
  return s
end
function shapes.strings_and_numbers()
  local s, n = "10", wait()
  wait()
  return s + n, s .. n, s * "2", 10 // 3, 10.0 // 3, 7 % -3, -7 % 3, 1e15, 2 ^ 63, math.maxinteger + n
end
function shapes.bits()
  local a, b = 0xF0, wait()
  wait()
  return a | b, a & 0x3C, a ~ 0xFF, ~b, a << 2, a >> 4, 1 << 63, -1 >> 60
end

return shapes
