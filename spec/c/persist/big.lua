-- Shapes too large to be written by hand: it gives the text of a script like
-- shapes.lua, whose functions reach the limits of Lua's instructions (constants and
-- registers past one byte, long jumps, many variables).
local out = {}
local function put(text, ...) out[#out + 1] = select("#", ...) > 0 and text:format(...) or text end
local function list(n, f) local t = {} for i = 1, n do t[i] = f(i) end return table.concat(t, ", ") end

put "local shapes = {}"
put "local joined = { __concat = function(a, b) local n = wait() return n % 40 == 0 and n or 'j' end }"
put "local lazy = { __index = function(_, k) wait() return #k end, __newindex = function(t, k, v) wait() rawset(t, k, v) end, __eq = function() wait() return true end }"

put "function shapes.many_constants() local n = 0"
for i = 1, 400 do
  put("n = n + %d.25", 1000 + i)
  if i % 50 == 0 then put "n = n + wait()" end
end
put "local t, u = setmetatable({}, lazy), setmetatable({}, lazy)"
for i = 1, 3 do put("t.set%d = 'value%d' n = n + t.field%d + t['other%d']", i, i, i, i) end
put "if t == u then n = n + 1 end if t.eq ~= 'never' then n = n + 1 end"
put "return n, t.set1, t.set3 end"

put("function shapes.many_locals() local %s = %s", list(190, function(i) return "v" .. i end),
  list(190, function(i) return i % 60 == 0 and "wait()" or i end))
put("local s = wait() s = s + v1 + v60 + v100 + v190 v1, v190 = v190, v1 wait() return s, v1, v190, %s end",
  list(10, function(i) return "v" .. i * 19 end))

put("function shapes.many_arguments() local function f(...) wait() return select('#', ...), (select(-1, ...)) end return f(%s) end",
  list(240, function(i) return i % 80 == 0 and "wait()" or i end))

put("function shapes.many_upvalues() local %s = %s", list(150, function(i) return "v" .. i end),
  list(150, function(i) return i end))
put("local function f() local s = wait() s = s + %s v1 = v1 + s wait() return v1 end return f(), f(), v1 end",
  (list(150, function(i) return "v" .. i end):gsub(", ", " + ")))

put "function shapes.deep_blocks() local s = 0"
for i = 1, 90 do put("do local b%d = s + %s", i, i % 15 == 0 and "wait()" or "1") end
put "s = b90 + b45 wait()"
put("%s return s end", ("end "):rep(90))

put "function shapes.long_jumps() local s, i = 0, 0 while i < 3 do i = i + 1 if i == 2 then goto out end"
for i = 1, 1500 do put("s = s + (i * %d) %% 7", i) end
put "s = s + wait() ::out:: wait() end return s, i end"

put("function shapes.far_concat() local t = setmetatable({}, joined) return t .. %s .. t end",
  (list(150, function(i) return i % 20 == 0 and "t" or ("'%d'"):format(i) end):gsub(", ", " .. ")))

put("function shapes.long_list() local t = { %s } return #t, t[1], t[700], t[1400] end",
  list(1400, function(i) return i % 350 == 0 and "wait()" or i end))

put("function shapes.long_record() local t = { %s } return t.k1, t.k150, t.k300 end",
  list(300, function(i) return ("k%d = %s"):format(i, i % 75 == 0 and "wait()" or "'v'") end))

put "function shapes.many_closing() local n = 0 local mt = { __close = function() n = n + wait() end }"
for i = 1, 60 do put("local c%d <close> = setmetatable({}, mt)", i) end
put "wait() return n, function() return n end end"

put "function shapes.tall_stack() local function f(n, ...) if n == 0 then wait() return select('#', ...) end local r = f(n - 1, n, ...) return r end return f(200) end"
-- Further apart than the distance between two closing variables can be written down.
put "function shapes.closing_far_apart() local log = {} local mt = { __close = function(s) log[#log + 1] = s[1] .. wait() end }"
put "local function f(...) local b <close> = setmetatable({ 'b' }, mt) wait() return select('#', ...) end"
put "local a <close> = setmetatable({ 'a' }, mt) local n do local c <close> = setmetatable({ 'c' }, mt) n = f(table.unpack({}, 1, 70000)) end"
put "return n, table.concat(log, ' '), log end"

put "return shapes"

return table.concat(out, "\n")
