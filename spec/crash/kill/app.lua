--- What is killed: flows that wait in every way worth losing, and a counter.
--
-- Each visitor gives the numbers 1, 2, 3 ... one an event, and a page shows the last
-- one taken. A number that is not the next one, or a wait that went on wrongly, shows
-- as WRONG for good.
local s = require "stube"

--- Takes the next number; false when it is the last one.
local function take(seen, form)
  local n = math.tointeger(tonumber(form.n))
  if n ~= seen.count + 1 then
    seen.wrong = seen.wrong or ("%s after %d"):format(form.n, seen.count)
  end
  seen.count = n
  return not form.last
end

local function claim(seen, holds, what)
  if not holds then seen.wrong = seen.wrong or what end
end

local function ask(self)
  return { "form", on_submit = "give",
    { "output", self.count }, self.wrong and { "p", "WRONG: ", self.wrong },
    { "input", name = "n" }, { "button", "Give" } }
end

local Ask = s.component("kill/ask", {
  render = ask,
  on = { give = function(_, form) s.answer(form) end },
})

local function given(seen)
  return s.await(Ask { count = seen.count, wrong = seen.wrong })
end

--- Loops inside loops, and a function that shares their variables.
s.mount("/loop", s.flow("kill/loop", function()
  local seen, steps = { count = 0 }, 0
  local function step(i, j)
    steps = steps + 1
    local more = take(seen, given(seen))
    claim(seen, steps == seen.count and i * 2 - j == (seen.count - 1) % 6 + 1,
      "the loops lost count")
    return more
  end
  while true do
    for i = 1, 3 do
      for j = 1, 0, -1 do
        if not step(i, j) then return end
      end
    end
  end
end))

local Guard = { __name = "guard", __close = function(guard)
  guard.seen.closed = guard.seen.closed + 1
end }

--- Inside pcall and xpcall, with a variable that waits to be closed, and errors that
--- come after the wait.
s.mount("/guarded", s.flow("kill/guarded", function()
  local seen, more = { count = 0, closed = 0 }, true
  local function attempt()
    local guard <close> = setmetatable({ seen = seen }, Guard)
    more = take(guard.seen, given(seen))
    if seen.count % 3 == 0 then error { at = seen.count } end
    return seen.count
  end
  while more do
    local call = seen.count % 2 == 0 and pcall or xpcall
    local ok, got = call(attempt, call == xpcall and function(e)
      e.handled = true
      return e
    end or nil)
    if ok then
      claim(seen, got == seen.count and got % 3 ~= 0, "pcall lost a result")
    else
      claim(seen, type(got) == "table" and got.at == seen.count and
        (call == pcall or got.handled), "pcall lost an error")
    end
    claim(seen, seen.closed == seen.count, "a variable was not closed once")
  end
end))

--- Inside a walk over a table's keys, whose order a restart changes.
s.mount("/walk", s.flow("kill/walk", function()
  local seen = { count = 0 }
  while true do
    local met = {}
    for name in pairs { ant = 1, bee = 2, cat = 3, dog = 4, eel = 5 } do
      met[#met + 1] = name
      if not take(seen, given(seen)) then return end
    end
    table.sort(met)
    claim(seen, table.concat(met, " ") == "ant bee cat dog eel",
      "walked " .. table.concat(met, " "))
  end
end))

--- Inside a coroutine of the app's own.
s.mount("/wrap", s.flow("kill/wrap", function()
  local seen = { count = 0 }
  local forms = coroutine.wrap(function()
    while true do coroutine.yield(given(seen)) end
  end)
  repeat until not take(seen, forms())
end))

--- In a handler, three times out of four.
s.mount("/handler", s.component("kill/handler", {
  init = { count = 0 },
  render = ask,
  on = {
    give = function(self, form)
      local more = take(self, form)
      while more and self.count % 4 ~= 0 do more = take(self, given(self)) end
      if not more then s.finish() end
    end,
  },
}))

local function add(a, b) return a + b end

--- In a handler, for a worker: some of them at a time, each result counted once.
s.mount("/worker", s.component("kill/worker", {
  init = { count = 0, asked = 0, got = 0 },
  render = ask,
  on = {
    give = function(self, form)
      if not take(self, form) then s.finish() end
      if self.asked - self.got >= 8 then return end
      local n = self.count
      self.asked = self.asked + 1
      local sum = s.io(add, n, 1)
      self.got = self.got + 1
      claim(self, sum == n + 1 and self.got <= self.asked, "a worker's result is wrong")
    end,
  },
}))

--- Never: as many commits as can be.
s.mount("/counter", s.component("kill/counter", {
  init = { count = 0 },
  render = ask,
  on = {
    give = function(self, form)
      if not take(self, form) then s.finish() end
    end,
  },
}))
