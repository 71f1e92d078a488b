-- Every example on one server, and a page that leads to them.
local s = require "stube"

local demos = {
  { "guess", "Guess the number", "A game as a loop of awaits." },
  { "dialogs", "Confirm / Prompt / Choose", "The stock dialogs in a row." },
  { "counter", "Counter", "A component that asks before it resets." },
  { "multicounter", "Multicounter", "Three children in one component." },
  { "wizard", "Wizard with Back", "Steps that are called; Back is an answer." },
  { "calc", "Calculator", "One component and plain functions." },
  { "tabs", "Tabbed navigation", "Children that are not drawn keep their state." },
  { "calendar", "Mini calendar picker", "A picker called from a flow." },
  { "todo", "Todo list", "Rows that are edited in their place." },
  { "columns", "Keyed columns", "Children that come and go, the others untouched." },
  { "url-counter", "URL-state counter", "The address holds the state; Back follows it." },
  { "reading-list", "Reading list (shareable URL)", "The address says which cards are open." },
  { "clock", "Clock / turbo counter", "Timers that bring events." },
  { "durable", "Expense approval", "A flow that waits for days, and for somebody else." },
  { "primes", "Prime numbers", "Work that takes its time, in a worker thread." },
  { "shared-counter", "Shared counter / report", "One value for all browsers." },
  { "chat", "Chat", "A room as a shared value, a draft for each." },
  { "protected-counter", "Protected counter", "A page for who is signed in." },
  { "error-frame", "In-page error frame", "A handler that fails harms nobody." },
  { "error-answer", "Child-side error routing", "An answer that is an error." },
}

for _, demo in ipairs(demos) do require(demo[1]) end

local Index = s.component("demo/index", {
  render = function()
    return { "main",
      { "h1", "stube examples" },
      { "p", #demos .. " root mounts currently registered." },
      { "ul.stube-stack", s.each(demos, function(demo)
        return { "li", s.link("/" .. demo[1], { "strong", demo[2] }),
          { "br" }, { "small", demo[3] } }
      end) } }
  end,
})

s.mount("/", Index, { title = "stube examples" })
