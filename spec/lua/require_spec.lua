-- Modules that code of a conversation requires when it first needs them.
local s = require "stube"
local drive = require "stube.drive"
local visit = require "spec.lua.visit"

describe("a module required in a turn", function()
  local dir, path = nil, package.path

  setup(function()
    dir = os.tmpname()
    os.remove(dir)
    package.path = dir .. ".?.lua;" .. path
    local f <close> = assert(io.open(dir .. ".late.lua", "w"))
    f:write [[
      local M = { seen = {} }
      local count = 0
      function M.next() count = count + 1 return count end
      return M
    ]]
  end)

  teardown(function()
    package.path = path
    os.remove(dir .. ".late.lua")
    drive.hot()
  end)

  it("is the host's, and not saved with the conversation", function()
    s.flow("late/flow", function()
      local late = require "late"
      while true do
        local n = late.next()
        s.await(s.info(("%d %s"):format(n, tostring(late == require "late")),
          { ok = "Next" }))
      end
    end)
    drive.collect()
    drive.hot(1) -- whoever comes next sends the others to sleep
    local page, other = visit "late/flow", visit(s.info "other")
    assert.matches("1 true", page:text())
    for n = 2, 4 do
      other:html()
      page:click "Next"
      assert.matches(n .. " true", page:text())
    end
  end)
end)
