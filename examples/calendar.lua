-- A date picker called from a flow: the flow reads its answer like a return value.
local s = require "stube"

--- The date of a day, which may lie outside its month: os.time sorts that out.
local function date(year, month, day)
  return os.date("*t", os.time { year = year, month = month, day = day, hour = 12 })
end

local function iso(d) return ("%04d-%02d-%02d"):format(d.year, d.month, d.day) end
local function written(d, format)
  return os.date(format, os.time { year = d.year, month = d.month, day = d.day,
    hour = 12 })
end

--- The 42 days of a month's page, Monday first.
local function days_of(year, month)
  local first = date(year, month, 1)
  local before = (first.wday + 5) % 7
  local days = {}
  for i = 1, 42 do days[i] = date(year, month, i - before) end
  return days
end

local Calendar = s.component("demo/calendar", {
  styles = [[
    & { max-width: 24rem; }
    & header { display: flex; align-items: center; justify-content: space-between;
      gap: .5rem; }
    & h2 { margin: 0; font-size: 1.15rem; text-align: center; }
    & .days {
      display: grid; grid-template-columns: repeat(7, 1fr); gap: .125rem;
      margin: 1rem 0; text-align: center;
    }
    & .days button { margin: 0; padding: .4rem 0; border: 0; border-radius: .4rem;
      background: var(--stube-sunken); color: inherit; font: inherit; cursor: pointer; }
    & .days button:hover { background: var(--stube-glow); }
    & .days span { padding: .4rem 0; color: var(--stube-muted); opacity: .5; }
  ]],
  init = function()
    local today = os.date("*t", os.time())
    return { year = today.year, month = today.month }
  end,
  render = function(self)
    local first = date(self.year, self.month, 1)
    return { "section.stube-card",
      { "header",
        { "button.stube-button", on_click = { "move", -1 },
          aria_label = "Previous month", "‹" },
        { "h2", aria_live = "polite", written(first, "%B %Y") },
        { "button.stube-button", on_click = { "move", 1 },
          aria_label = "Next month", "›" } },
      { "div.days",
        s.each({ "Mo", "Tu", "We", "Th", "Fr", "Sa", "Su" }, function(day)
          return { "b", day }
        end),
        s.each(days_of(self.year, self.month), function(d)
          if d.month ~= self.month then
            return { "span", d.day }
          end
          return { "button", on_click = { "pick", iso(d) },
            aria_label = written(d, "%A, %d %B %Y"), d.day }
        end) },
      { "div.stube-actions.stube-actions--end",
        { "button.stube-button", on_click = "cancel", "Cancel" } } }
  end,
  on = {
    move = function(self, by)
      local first = date(self.year, self.month + by, 1)
      self.year, self.month = first.year, first.month
    end,
    pick = function(_, day) s.answer(day) end,
    cancel = function() s.answer() end,
  },
})

local Picked = s.component("demo/picked", {
  render = function(self)
    return { "section.stube-card", { "h2", "You picked" },
      { "p", { "strong", self.day } },
      { "button.stube-button.stube-button--primary", on_click = "again",
        autofocus = true, "Pick another" } }
  end,
  on = { again = function() s.answer() end },
})

s.flow("demo/pick", function()
  for day in function() return s.await(Calendar()) end do
    s.await(Picked { day = day })
  end
end)

s.mount("/calendar", "demo/pick", { title = "Mini calendar picker" })
