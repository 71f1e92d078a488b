-- One number for all browsers. An atom holds it: who reads it while drawing is drawn
-- again when it changes, wherever the change came from.
local s = require "stube"

local counter = s.atom("demo/shared-counter", { n = 0, log = {} })

--- Whose change it was, seen from this conversation.
local function source(by)
  return not by and "initial" or by == s.conversation_id() and "this tab"
    or "another tab"
end

local Report = s.component("demo/shared-report", {
  render = function()
    local log = counter:get().log
    return { "section", { "h2", "Report" },
      #log == 0 and { "p", "No broadcasts seen yet." } or nil,
      { "ol", s.each(log, function(entry)
        return { "li", entry.n, " ", { "small", source(entry.by), ", ", entry.at } }
      end) } }
  end,
})

local function add(by)
  counter:update(function(v)
    v.n, v.by = v.n + by, s.conversation_id()
    table.insert(v.log, 1, { n = v.n, by = v.by,
      at = os.date("%H:%M:%S", os.time()) })
    v.log[9] = nil
  end)
end

local Shared = s.component("demo/shared-counter", {
  children = { report = Report() },
  render = function()
    return { "section", { "h1", "Shared counter" },
      { "p.stube-counter",
        { "button", on_click = { "dec", queue = true }, aria_label = "Decrease", "−" },
        { "output", counter:get().n },
        { "button", on_click = { "inc", queue = true }, aria_label = "Increase", "+" } },
      { "p", "Last update: ", source(counter:get().by) },
      s.slot "report" }
  end,
  on = {
    inc = function() add(1) end,
    dec = function() add(-1) end,
  },
})

s.mount("/shared-counter", Shared, { title = "Shared counter" })
