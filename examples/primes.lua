-- Work that takes its time, in a worker thread (s.io): the page of everybody else goes
-- on, and a restart in the middle only begins the sum anew.
local s = require "stube"

local function is_prime(n)
  if n % 2 == 0 then return n == 2 end
  for d = 3, math.floor(math.sqrt(n)), 2 do
    if n % d == 0 then return false end
  end
  return n > 1
end

--- Runs in a worker, so it may take more than a turn's time. It sees its arguments and
--- this file, nothing of the conversation.
local function prime_below(n)
  repeat n = n - 1 until n < 2 or is_prime(n)
  return n >= 2 and n or nil
end

s.flow("demo/primes", function()
  local text = "Which prime comes before? A number up to 10000000000000"
  while true do
    local n = math.tointeger(tonumber(s.await(s.prompt(text, nil,
      { ok = "Find it", cancel = false, type = "number", name = "n" }))))
    if n and n <= 10000000000000 then
      s.show { "p", "Dividing …" }
      local prime = s.io(prime_below, n)
      text = prime and ("Before %d comes %d. The next one?"):format(n, prime)
        or ("There is none before %d. The next one?"):format(n)
    else
      text = "A whole number up to 10000000000000, please"
    end
  end
end)

s.mount("/primes", "demo/primes", { title = "Prime numbers" })
