-- What a list of 1,000 children costs a turn: `build/stube test tools/bench/children.lua`
-- prints `children diff_us=... append_us=... patch_bytes=...`.
--
--   diff    of a row: a turn whose `children` gives the list of before, less a turn of
--           the same conversation in which nobody asks (both encode all of it)
--   append  a whole turn that adds one row; what `children` itself costs is left out,
--           for it gives the same table each time
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local ROWS, TURNS, REPEATS = 1000, 100, 9

local Row = s.component("bench/row", {
  render = function(self) return { "li", self.text } end,
})
local Aside = s.component("bench/aside", {
  render = function() return { "p" } end,
  on = { go = function() end },
})

local rows = {}
local function add(i) rows[i] = { i, Row { id = i, text = "row number " .. i } } end
for i = 1, ROWS do add(i) end

s.component("bench/list", {
  children = function() return { rows = rows, aside = Aside } end,
  render = function()
    return { "section", s.slot("rows", { "ul" }), s.slot "aside" }
  end,
  on = { go = function() end },
})
drive.collect()

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

--- Microseconds of CPU for one event.
local function time(page, event, turns)
  local began = os.clock()
  for _ = 1, turns do page:post(event) end
  return (os.clock() - began) / turns * 1e6
end

describe("a list of 1,000 children", function()
  it("is compared and added to", function()
    drive.budget(10000)
    finally(function() drive.budget() end)
    local page = visit "bench/list"
    local asked, idle = { to = "ix-1", event = "go" }, { event = "go",
      to = page.first:match 'data%-stube%-component="bench/aside" id="([^"]*)"' }
    local diffs, appends, bytes = {}, {}, 0
    for i = 1, REPEATS do
      local base = time(page, idle, TURNS)
      diffs[i] = (time(page, asked, TURNS) - base) / ROWS
    end
    for i = 1, REPEATS do
      add(ROWS + i)
      local began = os.clock()
      local _, sent = page:post(asked)
      appends[i] = (os.clock() - began) * 1e6
      assert(#sent == 1 and sent[1].mode == "after")
      bytes = #sent[1].body
    end
    print(("children diff_us=%.3f append_us=%.0f patch_bytes=%d"):format(
      median(diffs), median(appends), bytes))
  end)
end)
