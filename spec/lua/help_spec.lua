-- s.help: the comments of the public names, and what definitions say of themselves.
local command = require "spec.lua.command"
local doc = require "stube.doc"
local kernel = require "stube.kernel"
local s = require "stube"

describe("s.help", function()
  it("knows every public name, each with what it takes and does (25.5)", function()
    for name, value in pairs(s) do
      local text = s.help(name)
      assert.is_string(text, name .. " has no comment in lua/stube.lua")
      assert.matches("^s%." .. name, text)
      assert.matches("\n\n  [%u%d].*%.", text, name .. " says nothing")
      local is_called = type(value) == "function"
      assert.equal(is_called, text:find("^s%.[%w_]+%(") ~= nil, name)
    end
  end)

  it("knows the methods of conversations and atoms", function()
    for name in pairs(getmetatable(s.atom "help/a").__index) do
      if not name:find "^__" then assert.is_string(s.help("atom:" .. name), name) end
    end
    local page = require "spec.lua.visit"(s.component("help/c", {}))
    for name, value in pairs(getmetatable(s.conversation(page.cid)).__index) do
      if type(value) == "function" and not name:find "^__" then
        assert.is_string(s.help("c:" .. name), name)
        assert.equal(s.help("c:" .. name), s.help("conversation:" .. name))
      end
    end
  end)

  it("lists all names, and has nothing for one that is none", function()
    local all = s.help()
    assert.matches("Calling and waiting.*\n  s%.await%(embed, %[opts%]%)\n", all)
    assert.is_nil(s.help "awat")
    assert.is_nil(s.help "help/none")
  end)

  it("gives a definition's doc (1.6)", function()
    local C = s.component("help/doc", { doc = "What it is." })
    assert.equal("What it is.", s.help "help/doc")
    assert.equal("What it is.", s.help(C))
    assert.matches("Escape is No", s.help "ui/confirm")
  end)

  it("is what `stube help NAME` prints", function()
    local said, code = command.stube("help", "await")
    assert.equal(s.help "await" .. "\n", said)
    assert.equal(0, code)
    said, code = command.stube("help", "awat")
    assert.matches('nothing is called "awat"', said)
    assert.equal(2, code)
  end)
end)

describe("a comment", function()
  it("is read with types that have blanks in them", function()
    local entries = doc.entries(function(module)
      return module == "stube" and [[
-- First
--- Does it.
---@param f fun(a: integer, b?: string): table<string, number>? what to do
---@param opts? { x: number? }
---@return (string|number)[] all of them
s.do_it = kernel.do_it
]] or nil
    end)
    local e = entries[1]
    assert.equal("s.do_it", e.signature:sub(1, 7))
    assert.equal("fun(a: integer, b?: string): table<string, number>?", e.params[1].type)
    assert.equal("what to do", e.params[1].text)
    assert.same({ "opts", "{ x: number? }", true },
      { e.params[2].name, e.params[2].type, e.params[2].optional })
    assert.same({ name = "all", type = "(string|number)[]", text = "of them" }, e.returns[1])
  end)

  it("of each name has the parameters in the order of the source", function()
    local entries = doc.entries(kernel.source)
    local by_name = {}
    for _, e in ipairs(entries) do by_name[e.name] = e end
    assert.equal("s.after(seconds, event, [value], [opts])", by_name.after.signature)
    assert.equal("s.flow(id, [definition], body)", by_name.flow.signature)
    assert.equal("c:fork([turn])", by_name["c:fork"].signature)
  end)
end)
