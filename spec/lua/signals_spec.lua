-- Signals: fields that are bound, those the page shares, and how markup names them.
local define = require "spec.lua.define" "signals"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local component = define.component

describe("a bound field", function()
  it("reaches inside by its path, and keeps the types there (12.1)", function()
    local seen
    local page = visit(component {
      init = { at = { street = "", number = 7, home = false, notes = { "a" } } },
      render = function()
        return { "form", { "input", bind = "at.street" }, { "input", bind = "at.number" },
          { "input", type = "checkbox", bind = "at.home" },
          { "input", bind = "deep.er.still" },
          { "select", multiple = true, bind = "at.notes", { "option", "a" }, { "option", "b" } } }
      end,
      on = { go = function(self) seen = self end },
    })
    assert.matches('data%-bind="ix1.at.street" name="at.street" value=""', page.first)
    assert.equal("OK", (page:post { event = "go", signals = { ix1 = {
      at = { street = 12, number = "8.5", home = 1, notes = { "a", "b" } },
      deep = { er = { still = "x" } } } } }))
    assert.same({ street = "12", number = 8.5, home = true, notes = { "a", "b" } }, seen.at)
    assert.same({ er = { still = "x" } }, seen.deep)
  end)

  it("belongs to its instance: an equal one elsewhere has its own (12.2, 12.8)", function()
    local Draft = component {
      init = { draft = "" },
      render = function(self) return { "p", { "input", bind = "draft" }, "[", self.draft, "]" } end,
      on = { set = function() end },
    }
    local page = visit(component {
      children = { a = Draft, b = Draft },
      render = function() return { "div", s.slot "a", s.slot "b" } end,
    })
    page:post { to = "ix-2", event = "set",
      signals = { ix2 = { draft = "mine" }, ix3 = { draft = "another's" } } }
    assert.matches("%[mine%].*%[%]", page:html())
  end)

  it("knows names of several words as they stand (12.6, defect 12)", function()
    local seen
    local page = visit(component {
      init = { edit_markdown = "", editMarkdown = "" },
      render = function()
        return { "p", { "input", bind = "edit_markdown" }, { "input", bind = "editMarkdown" } }
      end,
      on = { go = function(self) seen = self end },
    })
    page:post { event = "go", signals = { ix1 = { edit_markdown = "a", editMarkdown = "b" } } }
    assert.equal("a", seen.edit_markdown)
    assert.equal("b", seen.editMarkdown)
  end)

  it("is named by letters and dots, and the error says how", function()
    for _, path in ipairs { "", ".", "a.", "a..b", "1a", "a b", "$", "$a-b", "$ix1.draft",
      ("a"):rep(65) } do
      drive.log(false)
      local page = visit(component { render = function() return { "input", bind = path } end })
      drive.log(true)
      assert.is_nil(page.cid, path)
    end
  end)
end)

describe("a signal of the page", function()
  local page, seen

  before_each(function()
    page = visit(component {
      init = { zoom = "mine" },
      render = function()
        return { "p", { "input", type = "range", bind = "$zoom", value = 2 } }
      end,
      on = { go = function(self, _, ev) seen = { self = self, signals = ev.signals } end },
    })
  end)

  it("is bound as $name, and begins as the markup says", function()
    assert.matches('data%-bind="zoom" name="zoom" type="range" value="2"', page.first)
  end)

  it("comes with each event, and is in no field (12.3)", function()
    page:post { event = "go", signals = { zoom = 7, ix1 = { other = 1 } } }
    assert.equal(7, seen.signals.zoom)
    assert.equal("mine", seen.self.zoom)
    assert.is_nil(seen.self.other) -- not bound: it is in the event alone
    assert.equal(1, seen.signals.ix1.other)
  end)
end)

describe("by hand", function()
  it("ref names a field's signal, and a signal of the page (12.4)", function()
    local page = visit(component {
      render = function()
        return { "p", { "input", bind = "at.name" }, { "b", data_text = s.ref "at.name" },
          { "i", data_show = s.ref "$zoom" .. " > 1" } }
      end,
    })
    assert.matches('data%-text="$ix1.at.name"', page.first)
    assert.matches('data%-show="$zoom &gt; 1"', page.first)
  end)

  it("event_url is the URL that a drawn event posts to (13.5)", function()
    local url, drawn
    local page = visit(component {
      render = function()
        url = s.event_url { "go", 3 }
        return { "p", { "button", on_click = { "go", 3 }, "go" },
          { "a", href = s.event_url "go" } }
      end,
      on = { go = function() drawn = s.event_url { "go", 3, to = "ix-1" } end },
    })
    assert.truthy(page.first:find(url:gsub("&", "&amp;"), 1, true), url)
    page:click "go"
    assert.equal(url, drawn)
    local iid, event, mac, p = url:match "/ix%-(%d+)/(%w+)%?m=([^&]+)&p=(.*)"
    assert.truthy(drive.offered(page.cid, tonumber(iid), event, p, mac))
    assert.is_false(drive.offered(page.cid, tonumber(iid), event, "4", mac))
  end)

  it("neither is there outside of a conversation (13.6)", function()
    assert.error_matches(function() s.ref "draft" end, "ref works in render, a handler")
    assert.error_matches(function() s.event_url "go" end, "event_url works in render")
  end)
end)
