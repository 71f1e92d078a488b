-- Shapes along the chapters of Lua's own test suite, which is not part of its source:
-- coroutines, traversal, closures, locals and closing, goto, varargs. Rules as in
-- shapes.lua, new ones to the end; the other chapters are in events.lua.
local shapes = {}

local yield, wrap, create = coroutine.yield, coroutine.wrap, coroutine.create
local resume, status = coroutine.resume, coroutine.status

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

-- === coroutines ===

function shapes.values_in_and_out()
  local co = create(function(...)
    local out = { select("#", ...), ... }
    while true do
      local got = table.pack(yield(table.unpack(out, 1, out.n)))
      wait()
      out = got
      out.n = got.n
    end
  end)
  local s = {}
  for n = 0, 4 do
    local r = table.pack(resume(co, table.unpack({ 1, nil, 3, nil }, 1, n)))
    s[#s + 1] = r.n .. ":" .. tostring(r[2]) .. tostring(r[r.n])
    wait()
  end
  return join(s)
end
function shapes.sieve()
  local function numbers(n) return wrap(function() for i = 2, n do yield(i) end end) end
  local function filter(p, source)
    return wrap(function()
      for n in source do if n % p ~= 0 then yield(n) end end
    end)
  end
  local primes, source = {}, numbers(24)
  while true do
    local p = source()
    if not p then break end
    primes[#primes + 1] = p
    source = filter(p, source)
    wait()
  end
  return join(primes)
end
function shapes.sieve_that_waits_in_its_source()
  local source = wrap(function() for i = 2, 12 do wait() yield(i) end end)
  local function filter(p, from)
    return wrap(function() for n in from do if n % p ~= 0 then wait() yield(n) end end end)
  end
  local s = {}
  for n in filter(3, filter(2, source)) do s[#s + 1] = n end
  return join(s)
end
function shapes.permutations()
  local function permute(a, n)
    if n == 0 then yield(table.concat(a)) return end
    for i = 1, n do
      a[n], a[i] = a[i], a[n]
      permute(a, n - 1)
      a[n], a[i] = a[i], a[n]
    end
  end
  local s = {}
  for p in wrap(function() permute({ "a", "b", "c" }, 3) end) do s[#s + 1] = p wait() end
  return join(s)
end
function shapes.producer_filter_consumer()
  local function receive(p) local _, v = resume(p) return v end
  local producer = create(function() for _, l in ipairs { "x", "y", "z" } do yield(l .. wait()) end end)
  local numbered = create(function()
    for i = 1, math.huge do
      local l = receive(producer)
      if not l then return nil end
      yield(i .. l)
      wait()
    end
  end)
  local s = {}
  while true do
    local l = receive(numbered)
    if not l then break end
    s[#s + 1] = l
  end
  return join(s), status(producer), status(numbered)
end
function shapes.every_status()
  local s = {}
  local outer, inner
  inner = create(function() s[#s + 1] = status(outer) .. "," .. status(inner) wait() yield() end)
  outer = create(function() s[#s + 1] = status(outer) resume(inner) wait() yield() end)
  s[#s + 1] = status(outer)
  resume(outer)
  wait()
  s[#s + 1] = status(outer) .. "," .. status(inner)
  resume(outer) resume(inner)
  wait()
  s[#s + 1] = status(outer) .. "," .. status(inner)
  return join(s), (select(2, resume(outer)))
end
function shapes.is_yieldable()
  local co = wrap(function() local a = coroutine.isyieldable() wait() yield(a) return coroutine.isyieldable() end)
  local a = co()
  wait()
  return a, co(), select("#", coroutine.running()), (select(2, coroutine.running()))
end
function shapes.dead_wrap_says_so()
  local f = wrap(function() wait() return "only" end)
  local a = f()
  wait()
  return a, pcall(f)
end
function shapes.error_out_of_wrap()
  local f = wrap(function() wait() error({ code = "E" .. wait() }) end)
  local ok, e = pcall(f)
  wait()
  return ok, e.code, select(2, pcall(f))
end
function shapes.error_out_of_nested_wraps()
  local function nest(n)
    if n == 0 then wait() error("deep", 0) end
    local f = wrap(nest)
    wait()
    return f(n - 1)
  end
  return pcall(nest, 6)
end
function shapes.close_of_suspended()
  local log = {}
  local co = create(function()
    local a <close> = setmetatable({}, { __close = function(_, e) log[#log + 1] = "a" .. tostring(e) error("from a", 0) end })
    local b <close> = setmetatable({}, { __close = function(_, e) log[#log + 1] = "b" .. tostring(e) end })
    yield(wait())
  end)
  resume(co)
  wait()
  local ok, e = coroutine.close(co)
  wait()
  return ok, e, join(log), status(co), coroutine.close(co)
end
function shapes.wait_is_refused_while_closing_a_coroutine()
  local co = create(function()
    local a <close> = setmetatable({}, { __close = function() wait() end })
    yield()
  end)
  resume(co)
  wait()
  local ok, e = coroutine.close(co)
  return ok, (tostring(e):gsub("^.-:%d+: ", ""))
end
function shapes.loop_left_and_taken_up()
  local gen = wrap(function() for i = 1, 8 do wait() yield(i) end end)
  local s = {}
  for v in gen do s[#s + 1] = v if v == 3 then break end end
  wait()
  s[#s + 1] = "|"
  for v in gen do s[#s + 1] = v if v == 6 then break end end
  return join(s)
end
function shapes.nested_to_a_depth()
  local function nest(n) if n == 0 then return wait() end return 1 + wrap(nest)(n - 1) end
  return nest(30), nest(5)
end
function shapes.yield_in_pcall_in_metamethod_in_coroutine()
  local mt = { __add = function(a, b)
    local ok, v = pcall(function() return yield(a.v) + wait() end)
    return ok and v + b.v
  end }
  local co = wrap(function() return setmetatable({ v = 1 }, mt) + setmetatable({ v = 10 }, mt) end)
  local a = co()
  wait()
  return a, co(100)
end
function shapes.coroutine_as_upvalue_of_itself()
  local co
  co = wrap(function() local me = co for i = 1, 3 do yield(me == co and i) end end)
  local a = co()
  wait()
  return a, co(), (wait()), co()
end
function shapes.two_that_resume_each_other_by_turns()
  local s, a, b = {}, nil, nil
  a = create(function() for i = 1, 3 do s[#s + 1] = "a" .. i .. wait() yield() end end)
  b = create(function() for i = 1, 3 do resume(a) s[#s + 1] = "b" .. i .. wait() yield() end end)
  for _ = 1, 3 do resume(b) wait() end
  return join(s)
end
function shapes.scheduler()
  local s, ready = {}, {}
  for t = 1, 4 do
    ready[t] = create(function() for i = 1, t do yield() s[#s + 1] = t .. "." .. i .. (t % 2 == 0 and wait() or "") end end)
  end
  while #ready > 0 do
    for i = #ready, 1, -1 do
      resume(ready[i])
      if status(ready[i]) == "dead" then table.remove(ready, i) end
    end
    wait()
  end
  return join(s)
end

-- === traversal ===

function shapes.pairs_over_1000_keys()
  local t, n, sum = {}, 0, 0
  for i = 1, 400 do t[i] = i end
  for i = 1, 300 do t["key " .. i] = i end
  for i = 1, 300 do t[i + 0.5] = i end
  for _, v in pairs(t) do
    n, sum = n + 1, sum + v
    wait()
  end
  return n, sum
end
function shapes.pairs_clearing_all()
  local t = { 1, 2, 3, nil, 5, a = 1, b = 2, [2.5] = 3, [true] = 4 }
  local n = 0
  for k in pairs(t) do t[k] = nil n = n + 1 wait() end
  return n, next(t), #t
end
function shapes.pairs_over_what_pairs_changes()
  local t, s = {}, 0
  for i = 1, 12 do t["n" .. i] = i end
  for k, v in pairs(t) do
    t[k] = v + 100
    for k2 in pairs(t) do if k2 == k then t[k2] = nil end end
    wait()
    s = s + v
  end
  return s, next(t)
end
function shapes.lengths()
  local t, s = {}, {}
  for i = 1, 9 do t[i] = i s[#s + 1] = #t if i % 3 == 0 then wait() end end
  for i = 9, 1, -1 do t[i] = nil s[#s + 1] = #t if i % 3 == 0 then wait() end end
  return join(s)
end
function shapes.queue()
  local q, s = { first = 1, last = 0 }, {}
  for i = 1, 12 do
    q.last = q.last + 1 q[q.last] = i
    if i % 2 == 0 then s[#s + 1] = q[q.first] q[q.first] = nil q.first = q.first + 1 wait() end
  end
  return join(s), q.last - q.first
end
function shapes.loops_at_the_edges_of_integers()
  local s = {}
  for i = math.maxinteger - 1, math.maxinteger do s[#s + 1] = i - math.maxinteger wait() end
  for i = math.mininteger, math.mininteger + 1 do s[#s + 1] = i - math.mininteger wait() end
  for i = math.mininteger + 1, math.mininteger, -1 do s[#s + 1] = i - math.mininteger wait() end
  for i = 1, math.huge do s[#s + 1] = i wait() if i == 3 then break end end
  for i = 1, -math.huge, -1 do s[#s + 1] = i wait() if i == -1 then break end end
  for i = 3, 2 do s[#s + 1] = "never" .. i end
  for i = 1, 2.9 do s[#s + 1] = i wait() end
  for i = 1.0, 2 do s[#s + 1] = i wait() end
  for i = -1, -2, -0.5 do s[#s + 1] = i wait() end
  return join(s)
end
function shapes.loop_variable_is_a_copy()
  local s = {}
  for i = 1, 3 do i = i * 10 wait() s[#s + 1] = i end
  for _, v in ipairs { 1, 2 } do v = v + wait() s[#s + 1] = v end
  return join(s)
end
function shapes.loop_bounds_are_asked_once()
  local asked = 0
  local function n(v) asked = asked + 1 wait() return v end
  local s = 0
  for i = n(1), n(3), n(1) do s = s + i wait() end
  return s, asked
end
function shapes.iterator_with_all_four_values()
  local log = {}
  local function iter(state, i) wait() if i < state.n then return i + 1, state.n end end
  local s = 0
  for i, n in iter, { n = 3 }, 0, note(log, "it") do s = s + i * n end
  return s, join(log)
end
function shapes.nested_iterators_that_close()
  local log, s = {}, {}
  local function upto(n, name)
    return function(_, i) if i < n then return i + 1 end end, nil, 0, note(log, name)
  end
  for i in upto(2, "out") do
    for j in upto(3, "in") do
      if j == 2 then goto next end
      s[#s + 1] = i .. j
      wait()
    end
    ::next::
  end
  return join(s), join(log)
end

-- === closures ===

function shapes.fresh_variable_each_round()
  local a, b = {}, {}
  for i = 1, 4 do
    local j = i * 2
    a[i] = { set = function(x) i = x end, get = function() return i end }
    b[i] = function() j = j + 1 return i + j end
    wait()
  end
  a[2].set(10)
  wait()
  return a[1].get(), a[2].get(), b[2](), b[2](), b[3]()
end
function shapes.variable_in_the_condition_of_repeat()
  local fs, n = {}, 0
  repeat
    local v = wait()
    n = n + 1
    fs[n] = function() v = v + 1 return v end
  until fs[n]() > 3 or wait() > 6
  return n, fs[1](), fs[n]()
end
function shapes.variables_in_while_with_breaks()
  local fs = {}
  local i = 1
  while true do
    local v = i
    fs[i] = function() v = v * 2 return v end
    if wait() == 3 then break end
    i = i + 1
  end
  return #fs, fs[1](), fs[1](), fs[3]()
end
function shapes.counter_factory()
  local function make(n) return function(d) n = n + (d or 1) return n end end
  local x, y = make(0), make(10)
  x() wait() y(5) x(2)
  wait()
  return x(), y()
end
function shapes.upvalues_of_upvalues()
  local function f(x) return function(y) return function(z) x, y, z = x + 1, y + 1, z + wait() return x + y + z end end end
  local g = f(10)(20)
  local a = g(30)
  wait()
  return a, g(0)
end
function shapes.accumulator_passed_around()
  local function apply(f, n) if n > 0 then wait() f(n) return apply(f, n - 1) end end
  local sum = 0
  apply(function(n) sum = sum + n end, 5)
  return sum
end
function shapes.y_combinator()
  local function Y(f) return (function(x) return x(x) end)(function(x) return f(function(...) return x(x)(...) end) end) end
  local fact = Y(function(self) return function(n) if n == 0 then wait() return 1 end return n * self(n - 1) end end)
  return fact(6), fact(4)
end
function shapes.recursive_local_function()
  local function even(n) if n == 0 then return wait() > 0 end return not even(n - 1) end
  return even(6), even(7)
end
function shapes.mutual_recursion()
  local odd
  local function even(n) if n == 0 then return "even" .. wait() end return odd(n - 1) end
  function odd(n) if n == 0 then return "odd" .. wait() end return even(n - 1) end
  return even(10), even(7)
end
function shapes.many_upvalues()
  local a, b, c, d, e, f, g, h, i, j, k, l = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
  local function sum() return a + b + c + d + e + f + g + h + i + j + k + l end
  local function inc() a, b, c, d, e, f = a + 1, b + 1, c + 1, d + 1, e + 1, f + wait() end
  inc() inc()
  l = 100
  return sum()
end
function shapes.variable_shared_by_three_coroutines()
  local n = 0
  local function worker(k) return wrap(function() while true do n = n + k wait() yield(n) end end) end
  local a, b, c = worker(1), worker(10), worker(100)
  local s = {}
  for _ = 1, 2 do s[#s + 1] = a() s[#s + 1] = b() n = n * 2 s[#s + 1] = c() end
  return join(s), n
end
function shapes.variable_outlives_its_coroutine()
  local get, set
  local co = create(function() local v = 1 get, set = function() return v end, function(x) v = x end wait() yield() v = v + 1 end)
  resume(co)
  wait()
  set(5)
  resume(co)
  wait()
  return get(), status(co), set(9), get()
end
function shapes.same_function_compared()
  local function make() return function() return 1 end end
  local f = make()
  local t = { [f] = "found" }
  wait()
  return t[f], f == f, rawequal(f, make()), f()
end

-- === locals, const and close ===

function shapes.shadows()
  local x <const> = 1
  local s = x
  do local x <const> = 2 wait() s = s * 10 + x do local x = wait() s = s * 10 + x end s = s * 10 + x end
  return s, x
end
function shapes.constants_of_all_kinds()
  local i <const>, f <const>, s <const>, b <const>, n <const> = 7, 2.5, "text", true, nil
  wait()
  local function g() wait() return i, f, s, b, n end
  return i * 2, g()
end
function shapes.close_in_every_exit()
  local log = {}
  local function f(how)
    for _ = 1, 2 do
      local a <close> = note(log, how)
      if how == "break" then break end
      if how == "return" then return "r" end
      if how == "goto" then goto out end
      if how == "error" then error("e", 0) end
      wait()
    end
    ::out::
    return "end"
  end
  local r = {}
  for _, how in ipairs { "plain", "break", "return", "goto", "error" } do
    local ok, v = pcall(f, how)
    r[#r + 1] = tostring(ok) .. v
  end
  return join(r), join(log)
end
function shapes.closes_in_order()
  local log = {}
  do
    local a <close> = note(log, "a")
    local b <close> = note(log, "b")
    do local c <close> = note(log, "c") end
    local d <close> = note(log, "d")
    wait()
  end
  return join(log)
end
function shapes.error_through_waiting_closes()
  local log = {}
  local function inner()
    local a <close> = note(log, "a")
    local b <close> = note(log, "b")
    wait()
    error({ code = "first" })
  end
  local function outer()
    local c <close> = note(log, "c")
    local d <close> = note(log, "d")
    inner()
  end
  local ok, e = pcall(outer)
  wait()
  return ok, e.code, join(log)
end
function shapes.each_close_throws_another_error()
  local log = {}
  local ok, e = pcall(function()
    local a <close> = note(log, "a", "from a")
    local b <close> = note(log, "b", "from b")
    local c <close> = note(log, "c")
    local d <close> = note(log, "d", "from d")
    wait()
    error("body", 0)
  end)
  return ok, e, join(log)
end
function shapes.close_throws_without_an_error()
  local log = {}
  local function f() local a <close> = note(log, "a", "from a") local b <close> = note(log, "b") return wait(), "lost" end
  return select("#", pcall(f)), pcall(f), join(log)
end
function shapes.error_through_closes_of_many_frames()
  local log = {}
  local function down(n)
    local a <close> = note(log, "f" .. n)
    if n == 0 then error("bottom", 0) end
    down(n - 1)
    return n
  end
  return pcall(down, 7), join(log)
end
function shapes.error_through_pcalls_and_closes()
  local log = {}
  local function layer(n)
    local a <close> = note(log, "l" .. n)
    if n == 0 then wait() error("core", 0) end
    local ok, e = pcall(layer, n - 1)
    wait()
    error(e .. n, 0)
  end
  return pcall(layer, 3), join(log)
end
function shapes.error_through_xpcall_with_closes()
  local log = {}
  local function handler(e) log[#log + 1] = "h:" .. e return e .. "'" end
  local r = { xpcall(function()
    local a <close> = note(log, "a", "A")
    local ok, e = xpcall(function() local b <close> = note(log, "b", "B") error("x", 0) end, handler)
    wait()
    error(e, 0)
  end, handler) }
  return r[1], r[2], join(log)
end
function shapes.close_returns_many_values()
  local log = {}
  local function f(...) local a <close> = note(log, "a") return "p", ..., "q", nil, ... end
  return select("#", f(1, nil)), f("x", "y"), join(log)
end
function shapes.close_keeps_results_while_it_works()
  local mt = { __close = function() local junk = {} for i = 1, 20 do junk[i] = i * wait() end return table.unpack(junk) end }
  local function f() local a <close> = setmetatable({}, mt) return "kept", wait(), "too" end
  return f()
end
function shapes.close_in_a_coroutine_that_is_left()
  local log = {}
  local co = wrap(function() local a <close> = note(log, "a") for i = 1, 3 do yield(i) wait() end return "end" end)
  local s = {}
  for _ = 1, 4 do s[#s + 1] = co() end
  return join(s), join(log)
end
function shapes.close_of_a_false_in_between()
  local log = {}
  local function f(b) local x <close> = note(log, "x") local y <close> = b and note(log, "y") local z <close> = nil wait() return b end
  return f(true), f(false), f(nil), join(log)
end
function shapes.closes_prevent_tail_calls()
  local log = {}
  local function leaf(n) wait() return n end
  local function f(n) local a <close> = note(log, "a" .. n) return leaf(n) end
  return f(1), f(2), join(log)
end
function shapes.closing_c_functions()
  local log = {}
  local function f(name) return closing_c(note(log, name)) end
  local a, b = f "one"
  local n = select("#", f "two", f "three")
  local ok, e = pcall(closing_c, note(log, "four", "thrown"))
  return a, b, n, ok, e, join(log)
end

-- === goto ===

function shapes.goto_continue()
  local s = {}
  for i = 1, 6 do
    if i % 2 == 0 then goto continue end
    s[#s + 1] = i .. ":" .. wait()
    ::continue::
  end
  return join(s)
end
function shapes.goto_out_of_nested_loops()
  local s = {}
  for i = 1, 3 do
    for j = 1, 3 do
      local f = function() return i * j end
      wait()
      if f() == 4 then goto done end
      s[#s + 1] = i .. j
    end
  end
  ::done::
  return join(s)
end
function shapes.goto_backwards_makes_new_variables()
  local fs, n = {}, 0
  ::again::
  local v = n
  fs[#fs + 1] = function(d) v = v + d return v end
  n = n + 1
  if wait() < 4 then goto again end
  return #fs, fs[1](5), fs[2](5), fs[1](1)
end
function shapes.goto_state_machine()
  local s, n = {}, 0
  ::start:: s[#s + 1] = "start" .. wait() goto middle
  ::last:: s[#s + 1] = "last" .. wait() do return join(s) end
  ::middle:: n = n + 1 s[#s + 1] = "middle" .. wait()
  if n < 3 then goto start end
  goto last
end
function shapes.goto_into_the_next_round_closes()
  local log, i = {}, 0
  ::top::
  do
    i = i + 1
    local a <close> = note(log, "g" .. i)
    if i < 3 then goto top end
  end
  return join(log)
end

-- === varargs ===

function shapes.select_of_varargs()
  local function f(...)
    wait()
    return select("#", ...), (select(2, ...)), (select(-1, ...)), select(-2, ...)
  end
  return f("a", nil, "c", nil, "e")
end
function shapes.pack_and_unpack()
  local function f(...) local t = table.pack(...) wait() return t.n, table.unpack(t, 1, t.n) end
  return f(nil, 1, nil, nil)
end
function shapes.varargs_are_not_arguments()
  local function f(a, b, ...) a, b = b, a wait() local x, y = ... wait() return a, b, x, y, ... end
  return f(1)
end
function shapes.many_varargs()
  local function f(...) local n = select("#", ...) wait() local last = select(n, ...) return n, last, (...) end
  local t = {}
  for i = 1, 240 do t[i] = i end
  return f(table.unpack(t))
end
function shapes.varargs_through_tail_calls()
  local function f(n, ...) if n == 0 then wait() return ... end return f(n - 1, n, ...) end
  return f(6, "end")
end
function shapes.varargs_of_a_coroutine()
  local co = wrap(function(...) local n = select("#", ...) wait() local a, b = yield(n, ...) wait() return a, b, ... end)
  local s = { co("x", nil, "z") }
  wait()
  return #s >= 2 and s[2], co("p", "q")
end
function shapes.varargs_in_a_constructor()
  local function f(...) return { n = select("#", ...), wait(), ..., wait(), ... } end
  local t = f("a", "b", "c")
  return t.n, #t, t[1], t[2], t[3], t[4], t[6]
end
function shapes.varargs_in_concat_and_calls()
  local function id(...) return ... end
  local function f(...) return id(...) .. id(wait(), ...) .. (id(..., wait())), id(id(...), ...) end
  return f("v", "w")
end

-- === more, at the end (see above) ===

function shapes.globals_of_an_environment()
  local env = setmetatable({}, {
    __index = function(_, k) wait() return k .. "?" end,
    __newindex = function(t, k, v) wait() rawset(t, k .. "!", v) end,
  })
  local function within(_ENV) return function() x = y z = x return x end end
  return within(env)(), rawget(env, "x!"), rawget(env, "z!")
end

return shapes
