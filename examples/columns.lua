-- Keyed children: a list of columns as a function of state. What is added, removed or
-- moved is that alone; the others keep their elements, and what is typed in them.
local s = require "stube"

--- A, B ... Z, AA, AB ...: titles stay unique and sensible.
local function title(n)
  local text = ""
  while n > 0 do
    n = n - 1
    text = string.char(65 + n % 26) .. text
    n = n // 26
  end
  return text
end

local Column = s.component("columns/column", {
  init = { notes = "" },
  render = function(self)
    return { "section.stube-card",
      { "header", { "h2", self.title },
        { "button.stube-button", on_click = "close",
          aria_label = "Close " .. self.title, "×" } },
      { "textarea.stube-input", bind = "notes", placeholder = "Notes…",
        aria_label = "Notes of " .. self.title } }
  end,
  on = { close = function(self) s.answer(self.title) end },
})

local Columns = s.component("demo/columns", {
  init = { made = 3, open = { 1, 2, 3 } },
  styles = [[
    & .strip { display: flex; gap: 1rem; overflow-x: auto; padding: 1rem 0 2rem; }
    & .strip > * { flex: 0 0 13rem; margin: 0; }
    & .strip header { display: flex; justify-content: space-between; align-items: start;
      margin-bottom: .5rem; }
  ]],
  children = function(self)
    local columns = {}
    for i, n in ipairs(self.open) do
      columns[i] = { n, Column { title = title(n) } }
    end
    return { column = columns }
  end,
  render = function()
    return { "section", { "h1", "Columns" },
      { "div.stube-actions",
        { "button.stube-button", on_click = { "add", queue = true }, "Add column" },
        { "button.stube-button", on_click = "drop", "Remove last" } },
      s.slot("column", { "div.strip" }) }
  end,
  on = {
    add = function(self)
      self.made = self.made + 1
      self.open[#self.open + 1] = self.made
      s.scroll_to ".strip > :last-child"
    end,
    drop = function(self) self.open[#self.open] = nil end,
    column = function(self, _, ev) -- a column answered: it is to be closed
      for i, n in ipairs(self.open) do
        if tostring(n) == tostring(ev.key) then table.remove(self.open, i) end
      end
    end,
  },
})

s.mount("/columns", Columns, { title = "Keyed columns" })
