-- Every way to be suspended that we could think of. New ones go to the end: the
-- fuzzer's corpus knows functions by number. Each shape is a function that
-- waits some times and returns texts; it must return the same texts however often it
-- was saved and revived between. wait() gives 1, 2, 3 ...
local shapes = {}

local yield, wrap, create = coroutine.yield, coroutine.wrap, coroutine.create

-- File-level state that belongs to the host.
local counter = 0
local Point = {}
Point.__index = Point
function Point.__add(a, b) wait(); return setmetatable({ x = a.x + b.x }, Point) end
function Point.__concat(a, b)
  wait()
  return (type(a) == "table" and a.x or a) .. "|" .. (type(b) == "table" and b.x or b)
end
function Point.__eq(a, b) wait(); return a.x == b.x end
function Point.__lt(a, b) wait(); return a.x < b.x end
function Point.__le(a, b) wait(); return a.x <= b.x end
function Point.__unm(a) wait(); return setmetatable({ x = -a.x }, Point) end
function Point.__len(a) wait(); return a.x end
function Point.__call(self, ...) local n = wait(); return self.x + n, ... end
function Point:double() wait(); return self.x * 2 end
local function point(x) return setmetatable({ x = x }, Point) end

local Lazy = {}
function Lazy.__index(t, k) wait(); return "lazy " .. tostring(k) end
function Lazy.__newindex(t, k, v) wait(); rawset(t, k, v) end
local function lazy() return setmetatable({}, Lazy) end

local closed
local Closing = {}
function Closing.__close(self, err)
  local n = wait()
  self.log[#self.log + 1] = self.name .. n .. tostring(err)
  closed = self
end
local function closing(name, log) return setmetatable({ name = name, log = log }, Closing) end

local function leaf() return wait() end
local function middle(a) local b = leaf(); return a + b end

function shapes.call() return leaf() end
function shapes.call_deep() local a = middle(1); local b = middle(a); return a, b end
function shapes.call_in_expression() return 1 + wait() * 10 + wait(), wait() .. "x" end
function shapes.call_arguments()
  local function f(a, b, c) return a, b, c end
  return f(wait(), "mid", wait())
end
function shapes.call_many_results()
  local function three() local n = wait(); return n, n + 1, n + 2 end
  local t = { three(), three() }
  return table.concat(t, ","), select("#", three()), (three())
end
function shapes.tail_call()
  local function last(n) return n + wait() end
  local function first(n) wait(); return last(n + 1) end
  return first(1)
end
function shapes.tail_call_to_c() return wait() end
function shapes.tail_call_loop()
  local function loop(n, sum)
    if n == 0 then return sum end
    sum = sum + wait()
    return loop(n - 1, sum)
  end
  return loop(5, 0)
end
function shapes.method_call() return point(4):double(), point(5):double() end
function shapes.varargs()
  local function f(...)
    local a = wait()
    local b = select("#", ...)
    wait()
    return a + b, ...
  end
  return f("x", nil, "y", nil)
end
function shapes.varargs_empty() return (function(...) wait(); return select("#", ...) end)() end
function shapes.varargs_nested()
  local function inner(...) wait(); return select(2, ...) end
  local function outer(...) return inner(wait(), ...) end
  return outer("a", "b", "c")
end
function shapes.varargs_tail()
  local function f(n, ...) if n == 0 then return ... end wait(); return f(n - 1, n, ...) end
  return f(3, "end")
end
function shapes.recursion()
  local function fact(n) if n < 2 then wait() return 1 end return n * fact(n - 1) end
  return fact(10), fact(3)
end
function shapes.deep_stack()
  local function down(n) if n == 0 then return wait() end local r = down(n - 1) return r + 1 end
  return down(300)
end
function shapes.many_registers()
  local a, b, c, d, e, f, g, h = 1, 2, 3, 4, 5, 6, 7, 8
  local n = wait()
  return a + b + c + d + e + f + g + h + n, a, h
end
function shapes.blocks()
  local out = {}
  do local x = wait(); out[#out + 1] = x end
  do local y, z = wait(), wait(); out[#out + 1] = y + z end
  return table.concat(out, " ")
end

function shapes.for_numeric()
  local s = 0
  for i = 1, 4 do s = s + i * wait() end
  return s
end
function shapes.for_numeric_down()
  local s = ""
  for i = 10, 1, -3 do wait(); s = s .. i .. "," end
  return s
end
function shapes.for_float()
  local s = ""
  for i = 0, 1, 0.25 do wait(); s = s .. i .. "," end
  return s
end
function shapes.for_nested()
  local s = ""
  for i = 1, 2 do for j = i, 3 do wait(); s = s .. i .. j .. " " end end
  return s
end
function shapes.for_huge_step()
  local s = 0
  for i = math.mininteger, math.maxinteger, math.maxinteger // 2 do wait(); s = s ~ i end
  return s
end
function shapes.while_loop()
  local n, s = 0, 0
  while n < 4 do n = n + 1; s = s + wait() end
  return s
end
function shapes.while_condition()
  local s = 0
  while wait() < 4 do s = s + 1 end
  return s
end
function shapes.repeat_loop()
  local s = 0
  repeat local n = wait(); s = s + n until n >= 3
  return s
end
function shapes.goto_loop()
  local i, s = 0, ""
  ::top::
  i = i + 1
  if i == 3 then wait() goto skip end
  s = s .. wait()
  ::skip::
  if i < 5 then goto top end
  return s
end
function shapes.goto_out_of_block()
  local log = {}
  for i = 1, 3 do
    do
      local x <close> = closing("g" .. i, log)
      local f = function() return i, x end
      if wait() % 2 == 0 then goto continue end
      log[#log + 1] = "body" .. f()
    end
    ::continue::
  end
  return table.concat(log, ";")
end
function shapes.break_out()
  local s = 0
  for i = 1, 10 do
    local f = function() return i end
    s = s + wait() + f()
    if i == 3 then break end
  end
  return s
end

function shapes.ipairs()
  local s = ""
  for i, v in ipairs { "a", "b", "c" } do s = s .. i .. v .. wait() end
  return s
end
function shapes.ipairs_meta()
  local t = setmetatable({}, { __index = function(_, i) if i <= 3 then return i * wait() end end })
  local s = 0
  for _ = 1, 2 do for i = 1, 3 do s = s + t[i] end end
  return s
end
function shapes.utf8_codes()
  local s = ""
  for p, c in utf8.codes("añ€") do s = s .. p .. ":" .. c .. " "; wait() end
  for p, c in utf8.codes("bü", true) do s = s .. p .. ":" .. c .. " "; wait() end
  return s
end
function shapes.pairs_few()
  local t, n, sum = { x = 1, y = 2, z = 3, 10, 20 }, 0, 0
  for k, v in pairs(t) do n = n + 1; sum = sum + v; wait() end
  return n, sum
end
function shapes.pairs_nested()
  local t = { a = { p = 1, q = 2 }, b = { r = 3, s = 4 }, c = { t = 5 } }
  local seen = {}
  for k, inner in pairs(t) do
    wait()
    for kk, v in pairs(inner) do seen[#seen + 1] = k .. kk .. v; wait() end
  end
  table.sort(seen)
  return table.concat(seen, " ")
end
function shapes.pairs_assigning()
  local t, n = { a = 1, b = 2, c = 3, d = 4 }, 0
  for k, v in pairs(t) do t[k] = v * 2; wait(); if k ~= "a" then t[k] = nil end n = n + 1 end
  return n, t.a, next(t), next(t, "a")
end
function shapes.pairs_removing_ahead()
  local t, ahead, n = {}, {}, 0
  for i = 1, 20 do t["k" .. i] = i; ahead[i] = true end
  for k, i in pairs(t) do
    n = n + 1
    ahead[i] = nil
    wait()
    t[k] = nil
    if n % 3 == 0 then
      for j = 1, 20 do if ahead[j] then t["k" .. j] = nil; ahead[j] = nil break end end
    end
  end
  return n, next(t), next(ahead)
end
function shapes.pairs_object_keys()
  local a, b, c = {}, {}, function() end
  local t, n = { [a] = 1, [b] = 2, [c] = 3, [true] = 4, [1.5] = 5, s = 6 }, 0
  for k, v in pairs(t) do
    wait()
    n = n + v
    if k == a then n = n + 100 end
    if k == c then n = n + 1000 end
  end
  return n
end
function shapes.pairs_empty() for _ in pairs {} do wait() end return wait() end
function shapes.next_in_for()
  local t, s = { 5, 6, 7, x = 8 }, 0
  for _, v in next, t do s = s + v; wait() end
  return s
end
function shapes.pairs_metamethod()
  local t = setmetatable({}, { __pairs = function(t)
    wait()
    return function(_, k) wait(); k = (k or 0) + 1; if k <= 3 then return k, k * k end end, t, nil
  end })
  local s = 0
  for _, v in pairs(t) do s = s + v; wait() end
  return s
end
function shapes.pairs_in_arguments()
  local t = { a = 1, b = 2 }
  local n = 0
  for k in next, t, wait() and nil do n = n + 1 end
  for k in pairs(wait() and t) do n = n + wait() end
  return n
end
function shapes.custom_iterator()
  local function upto(n, i) i = i + 1; wait(); if i <= n then return i end end
  local s = 0
  for i in upto, 4, 0 do s = s + i end
  return s
end
function shapes.closure_iterator()
  local function range(n) local i = 0 return function() i = i + 1; wait(); if i <= n then return i end end end
  local s = 0
  for i in range(3) do for j in range(2) do s = s + i * j end end
  return s
end
function shapes.callable_iterator()
  local it = setmetatable({ n = 0 }, { __call = function(self) self.n = self.n + 1; wait(); if self.n < 4 then return self.n end end })
  local s = 0
  for i in it do s = s + i end
  return s
end
function shapes.for_closing_value()
  local log = {}
  local function iter(_, i) wait(); if i < 3 then return i + 1 end end
  for i in iter, nil, 0, closing("loop", log) do
    log[#log + 1] = "i" .. i
    wait()
    if i == 2 then break end
  end
  for i in iter, nil, 1, closing("loop2", log) do wait() end
  return table.concat(log, ";")
end

function shapes.meta_index() local t = lazy() return t.name, t[1], t[wait()] end
function shapes.meta_newindex() local t = lazy() t.a = 1 t[2] = wait() t[wait()] = 3 return rawget(t, "a"), rawlen(t) end
function shapes.meta_self() local t = setmetatable({}, { __index = function(_, k) wait() return function(self, x) return k .. x .. wait() end end }) return t:hello("!") end
function shapes.meta_global()
  local env = setmetatable({}, { __index = function(_, k) wait() return _ENV[k] or k end, __newindex = function(t, k, v) wait() rawset(t, k, v) end })
  local _ENV = env
  someglobal = other
  return someglobal, another
end
function shapes.meta_arithmetic() local a, b = point(1), point(2) return (a + b).x, (a + b + a).x, (-a).x, #b end
function shapes.meta_arithmetic_kinds()
  local mt, s = {}, ""
  for _, op in ipairs { "sub", "mul", "div", "mod", "pow", "idiv", "band", "bor", "bxor", "shl", "shr", "bnot" } do
    mt["__" .. op] = function(a, b) wait() return op .. (type(a) == "table" and "T" or a) .. (type(b) == "table" and "T" or b) end
  end
  local t = setmetatable({}, mt)
  s = s .. (t - 1) .. (2 - t) .. t * 3 .. t / 4 .. t % 5 .. t ^ 6 .. t // 7
  return s .. (t & 8) .. (9 | t) .. (t ~ 10) .. (t << 1) .. (t >> 2) .. (1 << t) .. ~t
end
function shapes.meta_concat()
  local a, b = point("A"), point("B")
  return a .. "x", "y" .. a .. b, "1" .. "2" .. a .. "3" .. b .. "4", a .. a
end
function shapes.meta_compare()
  local a, b = point(1), point(2)
  local s = {}
  if a == b then s[1] = "eq" else s[1] = "ne" end
  if a < b then s[2] = "lt" end
  if a > b then s[3] = "gt" else s[3] = "ngt" end
  if a <= b then s[4] = "le" end
  if not (a >= b) then s[5] = "nge" end
  s[6] = tostring(a ~= b)
  local x = a < b and "yes" or "no"
  return table.concat(s, " "), x, a == point(1)
end
function shapes.meta_compare_number()
  local mt = { __lt = function(a, b) wait() return type(a) == "table" end, __le = function(a, b) wait() return type(b) == "table" end }
  local t = setmetatable({}, mt)
  return t < 5, t > 5, t <= 5, t >= 5, 5 < t, 1.5 >= t
end
function shapes.meta_call() local p = point(10) return p(1, 2), (p("a")) end
function shapes.meta_call_chain()
  local inner = setmetatable({}, { __call = function(self, a) wait() return "inner" .. tostring(a) end })
  local outer = setmetatable({}, { __call = inner })
  return (pcall(outer)), inner(3)
end
function shapes.meta_leftovers()
  -- Registers above the metamethod's caller hold leftovers of earlier calls.
  local function noise(...) local a, b, c, d, e, f = ... return #{ a, b, c, d, e, f, f, f } end
  local t, out = lazy(), {}
  for i = 1, 3 do
    local bad = ("cannot be saved"):gmatch(".")
    noise(bad, bad, bad, bad, bad, bad)
    bad = nil
    out[#out + 1] = (i .. t.x) .. (i == 2 and t.y or "-") .. #(t.z .. t.w)
  end
  return table.concat(out, " ")
end
function shapes.meta_temporaries()
  local t = lazy()
  local function f(a, b, c, d) return a .. b .. c .. d end
  return f(t.a, f(t.b, "2", t.c, wait()), ({ t.d, t.e })[2], t.f)
end
function shapes.meta_assign_many()
  local t, a, b, c = lazy(), 0, 0, 0
  a, b, c = 1, t.two, t.three
  a, b = b, t.x
  return a, b, c
end

function shapes.pcall_simple() return pcall(function() return wait(), wait() end) end
function shapes.pcall_error() return pcall(function() wait() error("oops " .. wait(), 0) end) end
function shapes.pcall_error_object()
  local ok, e = pcall(function() wait() error({ code = wait() }) end)
  return ok, e.code
end
function shapes.pcall_nested()
  return pcall(function()
    local ok, e = pcall(function() wait() error("inner", 0) end)
    wait()
    error(e .. " outer" .. wait(), 0)
  end)
end
function shapes.pcall_twice() local a = pcall(wait) local b, n = pcall(wait) return a, b, n end
function shapes.pcall_of_pcall() return pcall(pcall, pcall, function() wait() error("x", 0) end) end
function shapes.xpcall_handler()
  local seen = {}
  local r = { xpcall(function(a, b) seen[1] = a + b + wait() error("bad", 0) end, function(e) seen[2] = e return "handled " .. e end, 1, 2) }
  return r[1], r[2], seen[1], seen[2]
end
function shapes.xpcall_nested()
  local log = {}
  local function h(n) return function(e) log[#log + 1] = n .. e return n .. e end end
  local a, b = xpcall(function()
    wait()
    local ok, e = xpcall(function() wait() local ok2, e2 = pcall(function() wait() error("p", 0) end) log[#log + 1] = e2 error("in", 0) end, h "inner ")
    wait()
    error(e, 0)
  end, h "outer ")
  return a, b, table.concat(log, ";")
end
function shapes.pcall_stack_overflow()
  local function endless(n) return 1 + endless(n + 1) end
  local ok, e = pcall(function() wait() return endless(0) end)
  wait()
  return ok, (tostring(e):match("stack overflow"))
end
function shapes.pcall_with_arguments()
  return select("#", pcall(function(...) wait() return ... end, 1, nil, nil)), pcall(pcall), pcall(wait)
end
function shapes.error_then_wait()
  local out = {}
  for i = 1, 3 do
    local ok, e = pcall(function() if wait() % 2 == 0 then error("even", 0) end return "odd" end)
    out[i] = tostring(ok) .. e
    wait()
  end
  return table.concat(out, " ")
end
function shapes.error_with_traceback()
  local ok, t = xpcall(function() wait() local x = nil; return x.y end, function(e) return (e:gsub("^.-:%d+: ", "")) end)
  return ok, t
end

function shapes.close_block()
  local log = {}
  do local a <close> = closing("a", log) wait() local b <close> = closing("b", log) log[#log + 1] = wait() end
  return table.concat(log, ";")
end
function shapes.close_return()
  local log = {}
  local function f() local a <close> = closing("a", log) local b <close> = closing("b", log) return wait(), "two", nil end
  local x, y, z = f()
  return x, y, z, table.concat(log, ";")
end
function shapes.close_return_many()
  local log = {}
  local function f(...) local a <close> = closing("a", log) return ... end
  local n = select("#", f(1, nil, 3, nil))
  return n, (select(3, f("p", "q", "r"))), table.concat(log, ";")
end
function shapes.close_vararg_frame()
  local log = {}
  local function f(...) local a <close> = closing("va", log) local n = wait() return n, ... end
  local a, b, c = f("x", "y")
  return a, b, c, log[1]
end
function shapes.close_on_error()
  local log = {}
  local ok, e = pcall(function() local a <close> = closing("a", log) local b <close> = closing("b", log) wait() error("E", 0) end)
  return ok, e, table.concat(log, ";")
end
function shapes.close_error_in_close()
  local log = {}
  local bad = setmetatable({}, { __close = function(_, e) wait() error("close " .. tostring(e), 0) end })
  local ok, e = pcall(function() local a <close> = closing("a", log) local b <close> = bad wait() error("E", 0) end)
  local ok2, e2 = pcall(function() local c <close> = bad wait() return 1 end)
  return ok, e, ok2, e2, table.concat(log, ";")
end
function shapes.close_xpcall()
  local log = {}
  local ok, e = xpcall(function() local a <close> = closing("a", log) wait() error("E", 0) end, function(m) return m .. "!" end)
  return ok, e, table.concat(log, ";")
end
function shapes.close_in_c()
  local log = {}
  local x, y, z = closing_c(closing("c", log))
  local only = (closing_c(closing("d", log)))
  local ok, all = pcall(function() return select("#", closing_c(closing("e", log))) end)
  return x, y, z, only, ok, all, table.concat(log, ";")
end
function shapes.close_nil_and_false()
  local log = {}
  do local a <close> = nil local b <close> = closing("b", log) local c <close> = false wait() end
  return table.concat(log, ";")
end
function shapes.close_in_loop()
  local log = {}
  for i = 1, 3 do local a <close> = closing("l" .. i, log) wait() if i == 2 then break end end
  return table.concat(log, ";")
end
function shapes.close_far_apart()
  local log = {}
  local function deep(n) local c <close> = closing("c" .. n, log) if n > 0 then return (deep(n - 1)) end return wait() end
  return deep(3), table.concat(log, ";")
end
function shapes.close_with_upvalue()
  local log = {}
  local get
  do local a <close> = closing("a", log) local v = wait() get = function() v = v + 1 return v end wait() end
  return get(), get(), log[1]
end

function shapes.upvalue_open()
  local n = 0
  local function inc() n = n + wait() end
  inc() inc()
  return n
end
function shapes.upvalue_siblings()
  local n = 0
  local function inc() n = n + 1 end
  local function get() return n end
  inc() wait() inc() wait()
  n = n + 10
  return get(), n
end
function shapes.upvalue_closed_shared()
  local function counter() local n = 0 return function() n = n + 1 return n end, function() return n end end
  local inc, get = counter()
  inc() wait() inc() wait() inc()
  return get()
end
function shapes.upvalue_loop()
  local fs = {}
  for i = 1, 3 do fs[i] = function(d) i = i + d return i end end
  wait() fs[1](10) wait() fs[2](20)
  return fs[1](0), fs[2](0), fs[3](0)
end
function shapes.upvalue_of_caller()
  local function outer() local x = 1 local function inner() x = x + wait() return x end local a = inner() x = x * 10 return inner(), a, x end
  return outer()
end
function shapes.upvalue_parameter()
  local function f(x, ...) local g = function() x = x + 1 return x end wait() g() wait() return x, ... end
  return f(1, "v")
end
function shapes.upvalue_across_levels()
  local a = 1
  local function l1() local b = 2 local function l2() local c = 3 local function l3() a, b, c = a + 1, b + 1, c + wait() return a + b + c end return l3() + l3() end return l2() + b end
  return l1() + a
end
function shapes.upvalue_cycle()
  local self_ref
  local t = {}
  self_ref = function() return t, self_ref end
  t.f = self_ref
  wait()
  return t.f() == t, select(2, t.f()) == self_ref
end
function shapes.module_state()
  counter = 5 + wait()
  local function bump() counter = counter + 1 return counter end
  bump() wait() bump()
  return counter
end
function shapes.method_on_static_class()
  local p = point(3)
  wait()
  return getmetatable(p) == Point, p:double(), (p + p).x
end

function shapes.wrap_inside()
  local gen = wrap(function() for i = 1, 3 do yield(i * 10) end return "done" end)
  return gen() + wait(), gen() + wait(), gen(), gen()
end
function shapes.wrap_waiting_inside()
  local gen = wrap(function() for i = 1, 3 do yield(i + wait()) end end)
  local s = 0
  for v in gen do s = s + v; wait() end
  return s
end
function shapes.create_resume()
  local co = create(function(a) local b = yield(a + 1) local c = yield(b * 2) return "end" .. c end)
  local _, x = coroutine.resume(co, 1) wait()
  local _, y = coroutine.resume(co, 5) wait()
  local st = coroutine.status(co)
  local _, z = coroutine.resume(co, 7) wait()
  return x, y, z, st, coroutine.status(co), coroutine.resume(co)
end
function shapes.create_fresh()
  local co = create(function(...) return select("#", ...), wait() end)
  wait()
  return coroutine.status(co), coroutine.resume(co, 1, 2)
end
function shapes.coroutine_dead_by_error()
  local co = create(function() local x = {} error("died", 0) end)
  local ok, e = coroutine.resume(co)
  wait()
  return ok, e, coroutine.status(co), coroutine.resume(co)
end
function shapes.coroutine_close_pending()
  local log = {}
  local mt = { __close = function(_, e) log[#log + 1] = "closed" .. tostring(e) end }
  local co = create(function() local a <close> = setmetatable({}, mt) yield(1) end)
  coroutine.resume(co)
  wait()
  return coroutine.close(co), log[1], coroutine.status(co)
end
function shapes.coroutine_error_close_pending()
  local log = {}
  local mt = { __close = function(_, e) log[#log + 1] = "closed " .. tostring(e) end }
  local co = create(function() local a <close> = setmetatable({}, mt) error("dead", 0) end)
  coroutine.resume(co)
  wait()
  return (coroutine.close(co)), log[1]
end
function shapes.coroutine_inside_coroutine()
  local outer = wrap(function()
    local inner = wrap(function() local a = yield("i1") wait() yield("i2" .. a) return "i3" end)
    yield(inner())
    yield(inner(wait()))
    return inner()
  end)
  return outer() .. wait(), outer() .. wait(), outer()
end
function shapes.coroutine_shares_upvalues()
  local n = 0
  local co = wrap(function() while true do n = n + 1 yield(n) end end)
  co() wait() n = n + 10 wait() co()
  return n, co()
end
function shapes.closure_from_coroutine()
  local co = wrap(function() local v = 1 yield(function() v = v + 1 return v end, function() return v end) v = v * 100 yield(v) end)
  local inc, get = co()
  inc() wait() inc() wait()
  local v = co()
  wait()
  return v, inc(), get()
end
function shapes.abandoned_coroutine_variable()
  local get
  do local co = wrap(function() local v = wait() yield(function() v = v + 1 return v end) end) get = co() end
  wait()
  return get(), get()
end
function shapes.coroutine_knows_itself()
  local self_co
  local co = create(function() self_co = coroutine.running() yield(function() return self_co end) end)
  local _, f = coroutine.resume(co)
  wait()
  return f() == co, coroutine.status(f())
end
function shapes.pcall_in_coroutine()
  local co = wrap(function() local ok, e = pcall(function() yield(wait()) error("inside", 0) end) yield(e) return xpcall(wait, debug.traceback) end)
  return co(), wait(), co(), co()
end
function shapes.generator_recursion()
  local function walk(t) if t then walk(t.l) yield(t.v) wait() walk(t.r) end end
  local tree = { v = 2, l = { v = 1 }, r = { v = 4, l = { v = 3 } } }
  local s = ""
  for v in wrap(function() walk(tree) end) do s = s .. v .. wait() .. " " end
  return s
end
function shapes.many_coroutines()
  local cos = {}
  for i = 1, 8 do cos[i] = wrap(function() local a = i while true do a = a + yield(a) end end) cos[i]() end
  wait()
  local s = 0
  for r = 1, 2 do for i = 1, 8 do s = s + cos[i](i) end wait() end
  return s
end

function shapes.table_constructor()
  local t = { wait(), wait(), x = wait(), wait() }
  return t[1], t[2], t.x, t[3], #t
end
function shapes.table_constructor_long()
  local t = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 30,
    1, 2, 3, 4, 5, 6, 7, 8, 9, 40, 1, 2, 3, 4, 5, 6, 7, 8, 9, wait(), wait(), wait(), { wait(), { wait() } }, wait() }
  return #t, t[50], t[51], t[53][2][1], t[54]
end
function shapes.table_constructor_varargs()
  local function f(...) return { wait(), ... } end
  local t = f(1, nil, 3)
  return #t >= 2, t[1], t[2], t[4], table.concat({ wait(), (table.unpack({ 7, 8 })) }, ",")
end
function shapes.and_or() local a = wait() > 0 and wait() or "no" local b = wait() < 0 and "neg" or wait() return a, b end
function shapes.conditions()
  if wait() == 1 and wait() == 2 then return "yes", not wait() else return "no" end
end
function shapes.long_strings()
  local s = string.rep("long ", 100)
  local n = wait()
  local t = { [s] = n }
  wait()
  return #s, t[string.rep("long ", 100)]
end
function shapes.const_and_attribs() local k <const> = 10 local s <const> = "s" .. wait() local t <const> = {} wait() return k + 1, s, #t end
function shapes.integer_division_and_floats() local a, b, c = 7 // 2, 7 / 2, 2 ^ 53 wait() return a, b, c, -0.0, 1e308 * 10 end
function shapes.string_methods() local s = ("x"):rep(wait()) wait() return s:upper(), ("%d"):format(wait()) end
function shapes.sort_before_and_after() local t = { 3, 1, 2 } wait() table.sort(t) wait() table.sort(t, function(a, b) return a > b end) return table.concat(t) end
function shapes.weak_table_is_emptied()
  local weak = setmetatable({}, { __mode = "v" })
  weak[1] = {}
  wait()
  return getmetatable(weak).__mode
end
function shapes.argument_is_callback()
  local function each(t, f) for i = 1, #t do f(t[i], i) end end
  local s = 0
  each({ 1, 2, 3 }, function(v, i) s = s + v * i + wait() end)
  return s
end
function shapes.debug_names()
  local secret = wait()
  local name, value = debug.getlocal(1, 1)
  return name, value, secret
end

return shapes
