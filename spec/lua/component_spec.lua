-- Definitions: what is refused, and what the error says.
local s = require "stube"
local visit = require "spec.lua.visit"

describe("a definition", function()
  local function refuses(text, f)
    local ok, e = pcall(f)
    assert.is_false(ok)
    assert.matches(text, e, 1, true)
    assert.matches("component_spec.lua", e, 1, true)
  end

  it("needs an id with a namespace (1.1)", function()
    refuses('component "plain" needs a namespace', function()
      s.component("plain", {})
    end)
  end)

  it("names the nearest key (1.4)", function()
    refuses('there is no key "rendr"; did you mean "render"?', function()
      s.component("spec/x", { rendr = function() end })
    end)
  end)

  it("refuses a key of the wrong type", function()
    refuses("render must be a function, not a table", function()
      s.component("spec/x", { render = {} })
    end)
    refuses("on.save must be a function, not a string", function()
      s.component("spec/x", { on = { save = "x" } })
    end)
  end)

  it("names browser modules as ns/name, or by their paths (21.8)", function()
    refuses('modules is a list of "ns/name" and "/paths", and has "chart"', function()
      s.component("spec/x", { modules = { "chart" } })
    end)
    refuses('and has a number', function()
      s.component("spec/x", { modules = { 3 } })
    end)
    refuses('has "//evil.example/x.js"', function()
      s.component("spec/x", { modules = { "//evil.example/x.js" } })
    end)
    s.component("spec/x", { modules = { "spec/chart", "/files/chart.js" } })
    s.component("spec/x", {})
  end)

  it("completes what it extends, events name by name (1.12, 1.13)", function()
    local Base = s.component("spec/base", {
      doc = "base", on = { a = function() return 1 end, b = function() end },
    })
    local More = s.component("spec/more", {
      extends = Base, on = { b = function() return 2 end },
    })
    assert.equal("base", s.help(More))
    assert.equal(1, More.on.a())
    assert.equal(2, More.on.b())
  end)

  it("can be found, with its place (1.7)", function()
    local C = s.component("spec/found", { doc = "here" })
    assert.equal("here", s.lookup("spec/found").doc)
    assert.matches("component_spec.lua:%d+$", s.where(C))
  end)

  it("that is none is nil to who looks it up (1.3, 1.7)", function()
    assert.is_nil(s.lookup "spec/none")
    assert.is_nil(s.where "spec/none")
  end)

  it("that is given again is the one that live instances go on with (1.2)", function()
    local function counts(word, by)
      s.component("spec/again", {
        init = { n = 0 },
        render = function(self)
          return { "p", word, " ", self.n, { "button", on_click = "go", "go" } }
        end,
        on = { go = function(self) self.n = self.n + by end },
      })
    end
    counts("old", 1)
    local page = visit "spec/again"
    page:click "go"
    counts("new", 10)
    page:click "go"
    assert.equal(" new 11 go ", page:text())
  end)

  it("without render is a hidden element; an event without function does nothing (1.10)",
    function()
      local page = visit(s.component("spec/nothing", {}))
      assert.equal('<div id="ix-1" hidden></div>', page.first)
      local result, sent = page:post { to = "ix-1", event = "nope" }
      assert.equal("OK", result)
      assert.equal(0, #sent)
    end)

  it("makes embeds that are plain data", function()
    local C = s.component("spec/embed", {})
    local embed = C { text = "milk" }
    assert.equal("spec/embed", embed.type)
    assert.same({ text = "milk" }, embed.args)
    assert.same(embed, s.embed("spec/embed", { text = "milk" }))
  end)
end)
