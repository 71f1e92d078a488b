-- What a message to 10,000 sleeping subscribers costs: `build/stube test
-- tools/bench/publish.lua` prints `publish say_us=... each_us=... awake_us=...`,
-- microseconds of CPU. The store is in memory: what a commit to disk costs is measured
-- elsewhere (durable).
--
--   say     the turn that publishes, its commit included
--   each    of a receiver that sleeps: found, read, woken, run and saved
--   awake   of one that is in memory when the message comes
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local SUBSCRIBERS, REPEATS = 10000, 3

s.component("bench/ear", {
  init = { heard = 0 },
  start = function() s.subscribe("bench/news", "news") end,
  render = function(self) return { "output", self.heard } end,
  on = { news = function(self) self.heard = self.heard + 1 end },
})
s.component("bench/mouth", {
  render = function() return { "p" } end,
  on = { say = function() s.publish("bench/news", "fresh") end },
})
drive.collect()

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

--- Microseconds of CPU that `f` takes.
local function timed(f)
  local began = os.clock()
  f()
  return (os.clock() - began) * 1e6
end

--- All that is due now, to its end: everybody has heard.
local function come_to_rest() drive.advance(0) end

describe("a message to 10,000 subscribers", function()
  it("reaches each", function()
    finally(function()
      drive.restart(false)
      drive.hot()
    end)
    local ears = {}
    for i = 1, SUBSCRIBERS do
      ears[i] = visit("bench/ear"):follow().cid
    end
    local mouth = visit("bench/mouth"):follow()
    local say, asleep, awake = {}, {}, {}
    local function round(list, hot)
      drive.hot(hot)
      if not hot then drive.restart() end
      say[#say + 1] = timed(function() assert(mouth:post { event = "say" } == "OK") end)
      list[#list + 1] = timed(come_to_rest) / SUBSCRIBERS
    end
    for _ = 1, REPEATS do round(asleep) end
    for _ = 0, REPEATS do round(awake, SUBSCRIBERS * 2) end
    table.remove(awake, 1) -- which woke them all
    local heard = (">%d</output>"):format(2 * REPEATS + 1)
    for _, cid in ipairs { ears[1], ears[SUBSCRIBERS // 2], ears[SUBSCRIBERS] } do
      assert(drive.page(cid):find(heard, 1, true))
    end
    print(("publish say_us=%.0f each_us=%.1f awake_us=%.1f"):format(
      median(say), median(asleep), median(awake)))
  end)
end)
