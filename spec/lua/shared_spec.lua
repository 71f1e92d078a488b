-- Variables of files and globals that a turn sets: the author is told.
local define = require "spec.lua.define" "shared"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local component = define.component

local count, same, told_of_table, late = 0, { n = 0 }, {}, nil

local on = {
  count = function() count = count + 1 end,
  same = function() same.n = same.n + 1 end, -- a table's contents are not looked at
  again = function() same = same end,
  replace = function() told_of_table = {} end,
  late = function() late = late or true end,
  fail = function() count = count + 1 error "no" end,
  global = function() rawset(_G, "spec_shared_global", {}) end,
  own = function(self) self.n = (self.n or 0) + 1 end,
}

local function page()
  return visit(component {
    render = function() return { "p", count, tostring(told_of_table), tostring(late) } end,
    on = on,
  }):follow()
end

--- The variables that are told of, in order.
local function told(p, event)
  local names = {}
  local log = drive.logged(function() p:post { event = event } end)
  for name in log:gmatch('a turn has set a variable.-variable="?([^"\n]-)"? component=') do
    names[#names + 1] = name
  end
  return names, log
end

describe("a variable that a turn has set", function()
  local p

  before_each(function()
    drive.restart(false)
    drive.watch(true)
    p = page()
    drive.collect()
  end)

  after_each(function()
    drive.watch(false)
    rawset(_G, "spec_shared_global", nil)
  end)

  it("is named with who set it, once", function()
    local names, log = told(p, "count")
    assert.same(1, #names)
    assert.matches("local count$", names[1])
    assert.matches("component=spec/shared", log)
    assert.matches("s%.atom", log)
    assert.same({}, (told(p, "count")))
    drive.collect() -- as after a load
    assert.same(1, #told(p, "count"))
  end)

  it("may have held nil, or a table", function()
    assert.matches("local late$", told(p, "late")[1])
    assert.same({}, (told(p, "late")))
    assert.matches("local told_of_table$", told(p, "replace")[1])
  end)

  it("may be a global", function()
    assert.same({ "global spec_shared_global" }, (told(p, "global")))
    assert.same({}, (told(p, "global")))
  end)

  it("is told of when the turn failed, too: it stays set", function()
    assert.matches("local count$", told(p, "fail")[1])
  end)

  it("is none whose value is the same, and none of the conversation's own", function()
    assert.same({}, (told(p, "again")))
    assert.same({}, (told(p, "same")))
    assert.same({}, (told(p, "own")))
  end)

  it("is nobody's business in production, or in a replay", function()
    drive.watch(false)
    drive.collect()
    assert.same({}, (told(p, "count")))
    drive.watch(true)
    drive.collect()
    local embed = component { on = on, render = function() return { "p" } end }
    drive.collect()
    local log = drive.logged(function() s.replay(embed, { "count" }) end)
    assert.not_matches("a turn has set", log)
  end)
end)
