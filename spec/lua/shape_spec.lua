-- What a definition's `state` says of its fields, and who is told when it is not so.
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local serial = 0

--- A component of this shape whose `on.go` is f.
local function shaped(state, init, f)
  serial = serial + 1
  return s.component("shape/s" .. serial, {
    state = state, init = init,
    render = function(self)
      return { "p", tostring(self.n), { "button", on_click = "go", "go" } }
    end,
    on = { go = f },
  })
end

--- What the page says after a click.
local function after_click(component)
  drive.log(false)
  local page = visit(component)
  local result, sent = page:click "go"
  drive.log(true)
  return result, sent[1] and sent[1].body or "", page
end

describe("state", function()
  it("names field, types and function when a handler breaks it (3.5, 22.6)", function()
    local Count = shaped({ n = "number" }, { n = 0 }, function(self) self.n = "x" end)
    local result, said, page = after_click(Count)
    assert.equal("ERR_APP", result)
    assert.truthy(said:find("self.n is a string (x), and `state` says number", 1, true), said)
    assert.truthy(said:find("on.go of " .. "shape/s" .. serial, 1, true), said)
    assert.matches("<p[^>]*>0<", page:html()) -- the turn was put back
  end)

  for words, cases in pairs {
    ["number"] = { { 1, 1.5 }, { "1", false } },
    ["integer"] = { { 1, 2.0 }, { 1.5, "1" } },
    ["string?"] = { { "a", "nil" }, { 1 } },
    ["string|boolean"] = { { "a", true, false }, { 1, "nil" } },
    ["any"] = { { 1, "a", "nil" }, {} },
    ["table"] = { { {} }, { "nil", 1 } },
    ["function"] = { { print }, { {} } },
  } do
    it(("takes %s for what it is, and for nothing else"):format(words), function()
      local value
      local One = shaped({ f = words }, { n = 0 }, function(self) self.f = value end)
      -- so that it begins right
      local starts = { number = 1, integer = 1, table = {}, ["function"] = print,
        ["string|boolean"] = "a" }
      for i, list in ipairs(cases) do
        for _, v in ipairs(list) do
          value = v
          if v == "nil" then value = nil end
          drive.log(false)
          local page = visit(One { f = starts[words], n = 0 })
          local result = page:click "go"
          drive.log(true)
          assert.equal(i == 1 and "OK" or "ERR_APP", result, words .. ": " .. tostring(v))
        end
      end
    end)
  end

  it("looks into tables and lists, and says where", function()
    local rows = { { id = "number", at = { x = "number" } } }
    local List = shaped({ rows = rows }, { rows = { { id = 1, at = { x = 1 } } } },
      function(self) self.rows[2] = { id = 2, at = { x = true } } end)
    local _, said = after_click(List)
    assert.truthy(said:find("self.rows[2].at.x is a boolean (true)", 1, true), said)
  end)

  it("holds for what init makes, and for a function that has waited", function()
    drive.log(false)
    local page = visit(shaped({ n = "number" }, { n = "0" }))
    assert.is_nil(page.cid)
    assert.truthy(page.first:find("begins wrong: self.n is a string (0)", 1, true))
    local Waits = shaped({ n = "number" }, { n = 0 }, function(self)
      s.await(s.info "?")
      self.n = nil
    end)
    page = visit(Waits)
    page:click "go"
    local result, sent = page:click "OK"
    drive.log(true)
    assert.equal("ERR_APP", result)
    assert.truthy(sent[1].body:find("self.n is nil, and `state` says number", 1, true))
  end)

  it("is not looked at in production", function()
    drive.production(true)
    local result = after_click(shaped({ n = "number" }, { n = 0 },
      function(self) self.n = "x" end))
    drive.production(false)
    assert.equal("OK", result)
  end)

  it("is checked itself when it is defined", function()
    local function refuses(state, text)
      local ok, e = pcall(s.component, "shape/x", { state = state })
      assert.is_false(ok)
      assert.truthy(e:find(text, 1, true), e)
    end
    refuses({ n = "nmber" }, 'state.n has "nmber", which is no type; did you mean "number"?')
    refuses({ n = "number|" }, 'state.n has ""')
    refuses({ n = 3 }, "state.n must be a table, not a number")
    refuses({ rows = { {}, {} } }, "state.rows is a list, and has one item")
    refuses({ [true] = "any" }, "state has fields by name, not by boolean")
  end)
end)
