-- What `make hard` finds and other builds let pass.
local drive = require "stube.drive"
local s = require "stube"
local visit = dofile "spec/lua/visit.lua"

--- Draws a component; what the page then says.
local function complaint(render)
  s.component("hard/drawn", { init = { n = 0 }, render = render })
  drive.log(false)
  local page = visit "hard/drawn"
  drive.log(true)
  assert.equal(drive.is_hard or false, page.cid == nil)
  return page.first
end

describe("hard mode", function()
  it("finds a drawing that changes the state", function()
    local said = complaint(function(self)
      self.n = self.n + 1
      return { "p", "the same" }
    end)
    if drive.is_hard then
      assert.truthy(said:find("render of &quot;hard/drawn&quot; changes the state", 1, true))
    end
  end)

  it("finds a drawing that is another each time", function()
    local n = 0
    local said = complaint(function()
      n = n + 1
      return { "p", tostring(n) }
    end)
    if drive.is_hard then
      assert.truthy(said:find("draws other markup each time", 1, true))
    end
  end)
end)
