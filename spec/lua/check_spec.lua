-- `stube check app.lua`: what it finds, and what it leaves alone.
local command = require "spec.lua.command"

local function check(text)
  local said, code
  command.with_file('local s = require "stube"\n' .. text, function(path)
    said, code = command.stube("check", path)
    said = said:gsub(path:gsub("%p", "%%%0"), "APP")
  end)
  return said, code
end

local page = [[
s.component("a/page", { render = function() return { "p" } end })
s.mount("/", "a/page")
]]

describe("stube check", function()
  it("says of a sound app what there is", function()
    local said, code = check(page .. [[
s.route("GET", "/x", function() return { status = 204 } end)
s.flow("a/nobody", function() end) -- nobody reaches it, and that is fine
s.component("a/kids", { children = { one = "a/page", many = {
  { 1, "a/page" }, { 2, s.embed "a/page" } } } })
]])
    assert.equal("APP is fine: 1 pages, 1 routes, 0 folders, 3 components and "
      .. "flows\n", said)
    assert.equal(0, code)
  end)

  it("finds children that nobody defines", function()
    local said, code = check(page .. [[
s.component("a/kids", { children = { one = "a/pago", many = {
  { 1, "a/page" }, { 2, { type = "b/none" } } }, odd = 3 } })
]])
    assert.equal(1, code)
    assert.equal([[
APP: component "a/kids": in its slot "many", there is no component "b/none"
APP: component "a/kids": what stands in its slot "odd" is no embed
APP: component "a/kids": in its slot "one", there is no component "a/pago"; did you mean "a/page"?
]], said)
  end)

  it("finds pages that are empty, or leave their parameter unread", function()
    local said, code = check [[
s.component("a/empty", {})
s.mount("/empty", "a/empty")
s.mount("/of/:name", s.flow("a/flow", function() end))
]]
    assert.equal(1, code)
    assert.matches('the page "/empty" is empty: "a/empty" has no render', said,
      1, true)
    assert.matches('the page "/of/:name": nobody reads its parameter', said, 1,
      true)
  end)

  it("finds globals, and an app that shows nothing", function()
    local said, code = check "count = 0\nfunction helper() end"
    assert.equal(1, code)
    assert.equal([[
APP: the global "count" is set: did you mean a local?
APP: the global "helper" is set: did you mean a local?
APP: nothing is to be seen: s.mount(path, component) makes a page
]], said)
  end)

  it("says what keeps an app from loading, and where", function()
    local said, code = check 's.mount("/x", "a/none")'
    assert.equal(1, code)
    assert.matches("could not be loaded", said, 1, true)
    assert.matches(':2: mount: there is no component "a/none"', said, 1, true)
  end)

  it("makes no store", function()
    command.with_file('require("stube").config { store = "/dev/null/x" }',
      function(path)
        local said, code = command.stube("check", path)
        assert.equal(1, code)
        assert.matches("nothing is to be seen", said, 1, true)
      end)
  end)

  it("takes the options of a run", function()
    local said, code = command.stube("check", "--prot", "1", "a.lua")
    assert.equal(2, code)
    assert.matches("did you mean --port?", said, 1, true)
    said, code = command.stube("check")
    assert.equal(2, code)
    assert.matches("which app?", said, 1, true)
  end)
end)

describe("the examples", function()
  it("have nothing wrong with them (1.15)", function()
    local said, code = command.stube("check", "examples/all.lua")
    assert.equal(0, code, said)
  end)
end)
