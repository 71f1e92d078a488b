-- The stock dialogs, one after the other. Cancelled is nil, so `if` reads well.
local s = require "stube"

s.flow("demo/dialogs", function()
  if not s.await(s.confirm("Ready to play?")) then
    return s.await(s.info("Maybe next time."))
  end
  local name = s.await(s.prompt("What's your name?", "Ada"))
  if not name then return s.await(s.info("Cancelled.")) end
  local colour = s.await(s.choose("Pick a colour, " .. name .. ":",
    { "red", "green", "blue" }))
  if not colour then
    return s.await(s.info("OK " .. name .. ", maybe later."))
  end
  s.await(s.info(("Hello %s — your colour is %s."):format(name, colour)))
end)

s.mount("/dialogs", "demo/dialogs", { title = "Confirm / Prompt / Choose" })
