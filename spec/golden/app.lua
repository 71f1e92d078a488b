-- What golden heads were saved with. Never change it: the heads beside it hold
-- functions of it that wait. (A new kind of thing to save gets a new file.)
local s = require "stube"

local function button(event, label) return { "button", on_click = event, label or "Next" } end

-- State: nested, shared, circular; numbers of both kinds; a function; children.

local Point = {}
Point.__index = Point
function Point:sum() return self.x + self.y end

local Row = s.component("golden/row", {
  init = { n = 0 },
  render = function(self) return { "li", self.name, " ", self.n, button("inc", "+" .. self.name) } end,
  on = { inc = function(self) self.n = self.n + 1 end },
})

local State = s.component("golden/state", {
  init = function()
    local shared = { list = { 1, nil, 3, nil }, float = 0.1, big = math.mininteger }
    shared.me = shared
    local made = 0
    return { a = shared, b = shared, point = setmetatable({ x = 1, y = 2 }, Point),
      step = 0, keys = { "x", "y" }, text = ("é\0"):rep(50),
      make = function() made = made + 1 return made end }
  end,
  children = function(self)
    local rows = {}
    for i, key in ipairs(self.keys) do rows[i] = { key, Row { name = key } } end
    return { rows = rows }
  end,
  render = function(self)
    return { "div", ("step %d %d %s %.1f %s %d %d"):format(self.step, self.point:sum(),
      tostring(self.a == self.b and self.a.me == self.a), self.a.float,
      tostring(self.a.big == math.mininteger), #self.text, self.count or 0),
      s.slot("rows", { "ul" }), button "next" }
  end,
  on = {
    next = function(self)
      self.step = self.step + 1
      self.point.x = self.point.x * 2
      self.count = self.make()
      self.keys[#self.keys + 1] = "k" .. self.step
      if self.step == 2 then table.remove(self.keys, 1) end
    end,
  },
})

-- A flow that waits everywhere at once.

local function ask(text) return s.await(s.info(text, { ok = "Next" })) end

local function each(list)
  return coroutine.wrap(function()
    for i, v in ipairs(list) do
      ask("before " .. v)
      coroutine.yield(i, v)
    end
  end)
end

local function deep(n, ...)
  if n == 0 then
    ask("deep " .. select("#", ...) .. tostring(... == nil))
    return ...
  end
  return deep(n - 1, n, ...)
end

s.flow("golden/flow", function()
  local log, total = {}, 0
  local function note(text) log[#log + 1] = text end
  for round = 1, 100 do
    local ok, err = pcall(function()
      local held <close> = setmetatable({}, { __close = function(_, e) -- luacheck: ignore
        note(e and "failed" or "closed")
      end })
      for i, v in each { "a", "b" } do
        total = total + i
        ask(("round %d: %s, %d, %s"):format(round, v, total, table.concat(log, " ")))
      end
      local sum = 0
      for _, v in pairs { one = 1, two = 2, three = 3 } do
        sum = sum + v
        ask("pairs")
      end
      note(tostring(sum) .. select("#", deep(3)))
      if round % 2 == 0 then error("even", 0) end
    end)
    ask(("round %d ends: %s %s"):format(round, tostring(ok), tostring(err)))
  end
end)

-- Handlers that wait, a timer far away, a subscription, things called in a slot.

local Later = s.component("golden/later", {
  init = { said = "" },
  start = function()
    s.after(365 * s.day, "rings")
    s.subscribe("golden/news", "heard")
  end,
  render = function(self)
    return { "div", "said", self.said, button "next", button("slot", "Slot"),
      s.slot "place" }
  end,
  on = {
    next = function(self)
      self.said = self.said .. " " .. tostring(s.await(s.choose("which?", { "Next" })))
      self.said = self.said .. "!"
    end,
    slot = function(self)
      self.said = self.said .. " " .. tostring(s.await(s.confirm("slot?",
        { yes = "Next" }), { slot = "place" }))
    end,
    rings = function(self) self.said = self.said .. " rings" end,
    heard = function(self, v) self.said = self.said .. " " .. v end,
  },
})

s.mount("/state", State)
s.mount("/flow", "golden/flow")
s.mount("/later", Later)
