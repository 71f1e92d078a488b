-- A flow: a game written as a loop. It waits wherever it says s.await.
local s = require "stube"

s.flow("demo/guess", function()
  local target, tries = math.random(100), 0
  local text = "Pick a number from 1 to 100."
  local n
  repeat
    n = math.tointeger(tonumber(s.await(s.prompt(text, nil,
      { ok = "Guess", cancel = false, type = "number", name = "answer" }))))
    if n then
      tries = tries + 1
      text = ("%s — try again. (Attempt %d)"):format(
        n < target and "Too low" or "Too high", tries)
    else
      text = "Please enter a number."
    end
  until n == target
  s.await(s.info(("🎉 Got it! %d in %d %s."):format(target, tries,
    tries == 1 and "attempt" or "attempts"), { ok = "Continue" }))
end)

s.mount("/guess", "demo/guess", { title = "Guess the number" })
