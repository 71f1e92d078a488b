-- A pocket calculator: one component, and plain functions that know nothing of it.
local s = require "stube"

local apply = {
  ["+"] = function(a, b) return a + b end,
  ["−"] = function(a, b) return a - b end,
  ["×"] = function(a, b) return a * b end,
  ["÷"] = function(a, b) return b ~= 0 and a / b or nil end,
}

--- A number as the display writes it; nil is "Err".
local function written(n)
  if not n or n ~= n or n == math.huge or n == -math.huge then return "Err" end
  return ("%.10g"):format(n)
end

--- Does what waits: 3 + [4]. The display is its result.
local function settle(self)
  local now = tonumber(self.shown)
  if self.pending and now then
    self.shown = written(apply[self.pending](self.left, now))
  end
  self.left, self.pending = tonumber(self.shown), nil
end

local keys = {
  { "C", "clear" }, { "±", "sign" }, { "÷", "operator" }, { "×", "operator" },
  { "7", "digit" }, { "8", "digit" }, { "9", "digit" }, { "−", "operator" },
  { "4", "digit" }, { "5", "digit" }, { "6", "digit" }, { "+", "operator" },
  { "1", "digit" }, { "2", "digit" }, { "3", "digit" }, { "=", "equals" },
  { "0", "digit" }, { ".", "point" },
}

local function fresh() return { shown = "0", starts = true } end

local Calc = s.component("demo/calc", {
  init = fresh,
  styles = [[
    & { max-width: 20rem; }
    & output {
      display: block; margin-bottom: 1rem; padding: .5rem .75rem;
      border-radius: var(--stube-radius); background: var(--stube-sunken);
      font: 2rem/1.2 var(--stube-mono); text-align: end; overflow-x: auto;
    }
    & .keys { display: grid; grid-template-columns: repeat(4, 1fr); gap: .5rem; }
    & .keys > * { margin: 0; }
    & .tall { grid-column: 4; grid-row: 4 / span 2; }
  ]],
  render = function(self)
    return { "section.stube-card",
      { "h1", "Calculator" },
      { "output", aria_live = "polite", self.shown },
      { "div.keys", s.each(keys, function(key)
        return { "button.stube-button", class = { tall = key[1] == "=" },
          on_click = { key[2], key[1], queue = true }, key[1] }
      end) } }
  end,
  on = {
    digit = function(self, d)
      local begins = self.starts or self.shown == "0"
      self.shown = begins and d or self.shown .. d
      self.starts = false
    end,
    point = function(self)
      if self.starts then self.shown = "0" end
      if not self.shown:find(".", 1, true) then self.shown = self.shown .. "." end
      self.starts = false
    end,
    sign = function(self)
      local n = tonumber(self.shown)
      if not n or n == 0 then return end
      self.shown = n < 0 and self.shown:sub(2) or "-" .. self.shown
    end,
    operator = function(self, op)
      if not self.starts then settle(self) end
      self.left = tonumber(self.shown)
      self.pending = self.left and op
      self.starts = true
    end,
    equals = function(self)
      settle(self)
      self.starts = true
    end,
    clear = function(self)
      for key in pairs(self) do self[key] = nil end
      for key, value in pairs(fresh()) do self[key] = value end
    end,
  },
})

s.mount("/calc", Calc, { title = "Calculator" })
