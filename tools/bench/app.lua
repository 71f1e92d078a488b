--- What the benchmark measures: a page of ordinary size and the smallest counter.
--
-- /page draws exactly 74 elements: every start tag of the component counts, its root
-- and the void ones too; texts do not. They are
--
--   section, header, h1, p, output, nav, 2 buttons               8
--   ul and 12 rows of li, b, span, em, a                        61
--   hr, footer, p, small, a                                      5
--
-- with two events, classes of each kind, attributes and texts that need escaping. The
-- rows belong to the module, as those of a database would not belong to a visitor;
-- `self` holds what one visitor did.
--
-- Each component shows in its <output> how often its first button was clicked: the
-- load checks that every patch shows one more.
local s = require "stube"

local rows = {}
for i = 1, 12 do
  rows[i] = {
    id = i,
    title = "Item " .. i .. ": bread & butter",
    due = ("2026-%02d-%02d"):format(i, 2 * i),
    is_done = i % 3 == 0,
  }
end

local function row(item, is_open)
  return {"li", class = { row = true, done = item.is_done, wide = is_open },
    data_row = item.id,
    {"b.mark", title = "State", item.is_done and "x" or "-"},
    {"span.title", item.title},
    {"em.due", item.due},
    {"a", href = "#row-" .. item.id, rel = "nofollow", "Details"}}
end

s.component("bench/page", {
  init = { clicks = 0, is_open = false, name = "Ada <Lovelace>" },
  render = function(self)
    return {"section.board", aria_label = "Board",
      {"header.board__head",
        {"h1", "Things to do"},
        {"p.lead", "Good morning, ", self.name, "!"},
        {"output", self.clicks},
        {"nav", class = "board__nav",
          {"button.primary", on_click = "click", "Click"},
          {"button", on_click = "fold", aria_expanded = self.is_open,
            self.is_open and "Less" or "More"}}},
      {"ul.rows", s.each(rows, function(item) return row(item, self.is_open) end)},
      {"hr"},
      {"footer",
        {"p", "Twelve rows, two buttons."},
        {"small", "No row was harmed."},
        {"a", href = "/counter", "Counter"}}}
  end,
  on = {
    click = function(self) self.clicks = self.clicks + 1 end,
    fold = function(self) self.is_open = not self.is_open end,
  },
})

s.component("bench/counter", {
  init = { n = 0 },
  render = function(self)
    return {"section.counter",
      {"p", "Clicked ", {"output", self.n}, " times"},
      {"button.primary", on_click = "inc", "Once more"}}
  end,
  on = {
    inc = function(self) self.n = self.n + 1 end,
  },
})

-- A flow that always waits for the same question.
s.component("bench/ask", {
  render = function() return {"section", {"button", on_click = "go", "Go on"}} end,
  on = { go = function() s.answer() end },
})

s.flow("bench/flow", function()
  while true do s.await("bench/ask") end
end)

s.mount("/page", "bench/page", { title = "Page" })
s.mount("/counter", "bench/counter", { title = "Counter" })
