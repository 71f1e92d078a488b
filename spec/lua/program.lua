-- Random programs, and what runs them: statements as plain data, carried out by real
-- Lua (loops, closures, pcall, `<close>`, coroutines), over a few words that wait. Those
-- words come from an `api`: stube's, or a model's that knows nothing of saving.
--
--   api.ask(w, label, place) -> answer; raises what it was answered with as an error
--   api.call(w, list, place) -> what the flow that runs `list` answers; raises its error
--   api.sleep(w, seconds), api.receive(w, topic, timeout) -> message or nil
--   api.publish(w, topic, text)
--   api.wrap(f)              -> coroutine.wrap, or f itself
--
-- `w` is where a program runs: `w.log`, a list that it writes to; `w.id`, a name.
local M = {}

local closer = {
  __close = function(self) self.log[#self.log + 1] = "closed " .. self.text end,
}

local meta = {}
function meta.__index(t, key) return rawget(t, "find")(key) end

local function say(w, ...) w.log[#w.log + 1] = table.concat({ ... }, " ") end

local function text_of(e) return type(e) == "table" and e.text or "?" .. tostring(e) end

local exec

--- How each statement is carried out; what it returns ends the program.
local run = {}

function run.say(_, w, _, text) say(w, text) end

function run.ask(api, w, _, label, place)
  say(w, label, "=", tostring(api.ask(w, w.id .. "." .. label, place)))
end

function run.try(api, w, body)
  local ok, value = pcall(exec, api, w, body)
  say(w, ok and "tried" or "caught " .. text_of(value))
  if ok then return value end
end

function run.nested(api, w, body)
  local ok, value = xpcall(exec, text_of, api, w, body)
  say(w, ok and "went" or "handled " .. value)
end

function run.raise(_, _, _, text) error({ text = text }) end

run["return"] = function(_, _, _, value) return value end

function run.loop(api, w, body, n)
  for i = 1, n do
    say(w, "round", i)
    local value = exec(api, w, body)
    if value ~= nil then return value end
  end
end

--- A table with one key, or `pairs` would not say in which order it goes.
function run.pairs(api, w, body)
  local t = { x = 1 }
  for key, value in pairs(t) do
    t[key] = value + 1
    exec(api, w, body)
  end
  say(w, "x", t.x)
end

function run.upvalue(api, w, body, n)
  local count = 0
  local function inc() count = count + 1 end
  local function get() return count end
  for _ = 1, n do
    inc()
    exec(api, w, body)
    inc()
  end
  say(w, "count", get())
end

function run.close(api, w, body, text)
  local _ <close> = setmetatable({ log = w.log, text = text }, closer)
  return exec(api, w, body)
end

function run.varargs(api, w, body)
  local function count(...)
    exec(api, w, body)
    return select("#", ...)
  end
  say(w, "given", count(1, nil, 3, nil))
end

function run.meta(api, w, body)
  local t = setmetatable({ find = function(key)
    exec(api, w, body)
    return key
  end }, meta)
  say(w, "found", t.x)
end

function run.coroutine(api, w, body)
  local step = api.wrap(function(first)
    exec(api, w, body)
    return first
  end)
  say(w, "wrapped", step("it"))
end

function run.call(api, w, body, place)
  local answer = api.call(w, body, place)
  for _, line in ipairs(answer.log) do say(w, ">", line) end
  return answer.value
end

function run.sleep(api, w, _, seconds)
  api.sleep(w, seconds)
  say(w, "slept")
end

function run.receive(api, w, _, topic, timeout)
  say(w, "heard", tostring(api.receive(w, w.id .. topic, timeout)))
end

--- To another program: what one says to itself, before it listens, is nobody's.
function run.publish(api, w, _, id, topic)
  if id ~= w.id then api.publish(w, id .. topic, "from " .. w.id) end
end

function exec(api, w, list)
  for _, statement in ipairs(list) do
    local value = run[statement[1]](api, w, statement.body, statement[2], statement[3])
    if value ~= nil then return value end
  end
end
M.exec = exec

--- Runs a whole program, whose error is its end.
function M.main(api, w, list)
  local ok, value = pcall(exec, api, w, list)
  say(w, ok and "end " .. tostring(value) or "died of " .. text_of(value))
end

-- --- making them ---

local BODY_MAX, DEPTH_MAX = 3, 4

local nesting = { "try", "try", "nested", "loop", "pairs", "upvalue", "close", "varargs",
  "meta", "coroutine", "call", "call" }

local function pick(list) return list[math.random(#list)] end

local topics = { "news", "olds" }

--- Statements that have nothing below them.
local simple = {
  function() return { "raise", "e" .. math.random(9) } end,
  function() return { "return", math.random(9) } end,
  function() return { "say", "s" .. math.random(9) } end,
}

--- Those that wait for time and messages, or send some.
local timed = {
  function() return { "sleep", math.random(5000) / 1000 } end,
  function() return { "sleep", math.random(5000) / 1000 } end,
  function(_, with)
    return { "publish", "t" .. math.random(with.serial), pick(topics) }
  end,
  function()
    return { "receive", pick(topics), math.random(2) == 1 and math.random(5000) / 1000 or nil }
  end,
}

--- A program. `places` are the slots it may ask in, besides its own place. `with.n` makes
--- each label its own; `with.is_timed`, `with.has_topics`: it may wait for more than
--- visitors.
function M.random(places, with, depth)
  depth = depth or 1
  local list = {}
  for i = 1, math.random(BODY_MAX) do
    local dice = math.random(10)
    with.n = with.n + 1
    if dice <= 4 and depth < DEPTH_MAX then
      local what = pick(nesting)
      local word = what == "close" and "c" .. with.n
        or what == "call" and places[math.random(0, #places)]
        or what ~= "call" and math.random(2) or nil
      local inside = what == "call" and {} or places
      list[i] = { what, word, body = M.random(inside, with, depth + 1) }
    elseif dice <= 6 then
      list[i] = { "ask", "q" .. with.n, places[math.random(0, #places)] }
    elseif dice <= 9 and with.is_timed then
      list[i] = timed[math.random(with.has_topics and #timed or 2)](i, with)
    else
      list[i] = pick(simple)(i, with)
    end
  end
  return list
end

return M
