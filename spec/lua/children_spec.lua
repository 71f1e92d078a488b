-- Declared children and what stands in slots: the patches that keep the page in step.
local define = require "spec.lua.define" "k"
local dom = require "spec.lua.dom"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local component = define.component

--- What was sent, in short: "after #ix-3", "remove #ix-2".
local function said(fragments)
  local words = {}
  for i, f in ipairs(fragments) do
    words[i] = f.selector == "" and f.mode or f.mode .. " " .. f.selector
  end
  return table.concat(words, "; ")
end

local Row = component {
  render = function(self) return { "li", self.text } end,
}

--- A list whose rows are `self.rows`: { key, text } each.
local function list_of(keys, definition)
  local rows = {}
  for i, key in ipairs(keys) do rows[i] = { key, "row " .. key } end
  local whole = {
    init = { rows = rows },
    children = function(self)
      local wanted = {}
      for i, row in ipairs(self.rows) do
        wanted[i] = { row[1], Row { text = row[2] } }
      end
      return { rows = wanted }
    end,
    render = function()
      return { "section", s.slot("rows", { "ul" }) }
    end,
    on = { set = function(self, keys_now)
      self.rows = {}
      for i, key in ipairs(keys_now) do self.rows[i] = { key, "row " .. key } end
    end },
  }
  for key, value in pairs(definition or {}) do whole[key] = value end
  return component(whole)
end

local function letters(text)
  local keys = {}
  for key in text:gmatch "." do keys[#keys + 1] = key end
  return keys
end

describe("a list of children", function()
  -- Instances: the list is ix-1, its rows ix-2 and on.
  local cases = {
    { "an append", "abc", "abcd", "after #ix-4" },
    { "several appends", "ab", "abcd", "after #ix-3" },
    { "a prepend", "abc", "dabc", "before #ix-2" },
    { "an insert", "abc", "abdc", "after #ix-3" },
    { "inserts at both ends and within", "ab", "cadbe",
      "before #ix-2; after #ix-2; after #ix-3" },
    { "a removal", "abc", "ac", "remove #ix-3" },
    { "removals", "abcd", "bd", "remove #ix-2,#ix-4" },
    { "removal of all", "ab", "", "remove #ix-2,#ix-3" },
    { "an append to nothing (8.1)", "", "ab", "append #ix-1--rows" },
    { "a replacement", "abc", "adc", "replace #ix-3" },
    { "replacement of all", "ab", "cd", "replace #ix-2; remove #ix-3" },
    { "a move to the end", "abc", "bca", "after #ix-4; remove #ix-2:not(#ix-4 + #ix-2)" },
    { "a move to the front (8.7)", "abc", "cab",
      "before #ix-2; remove #ix-4:not(:has(+ #ix-2))" },
    { "reorder and add (8.8, defect 6)", "ab", "baz",
      "before #ix-2; remove #ix-3:not(:has(+ #ix-2)); after #ix-2" },
    { "a move to the front, and one that comes behind it", "gsm", "mxs",
      "before #ix-3; remove #ix-4:not(:has(+ #ix-3)); after #ix-4; remove #ix-2" },
    { "a wild reorder", "abcdef", "fedcba", "outer" },
    { "nothing new", "abc", "abc", "" },
  }
  for _, case in ipairs(cases) do
    it("sends what is needed for " .. case[1], function()
      for _, moves in ipairs { true, false } do
        local page = visit(list_of(letters(case[2])))
        local model = dom.page(page.first, moves)
        local _, sent = page:post { event = "set", value = letters(case[3]) }
        assert.equal(case[4], said(sent))
        model:apply(sent)
        assert.equal(page:html(), model:html())
      end
    end)
  end

  it("draws the one that comes, and no other (8.3)", function()
    local drawn = 0
    local Counted = component {
      render = function(self)
        drawn = drawn + 1
        return { "li", self.text }
      end,
    }
    local page = visit(list_of({ "a", "b" }, {
      children = function(self)
        local wanted = {}
        for i, row in ipairs(self.rows) do
          wanted[i] = { row[1], Counted { text = row[2] } }
        end
        return { rows = wanted }
      end,
    }))
    drawn = 0
    page:post { event = "set", value = { "a", "b", "c" } }
    assert.equal(1, drawn)
  end)

  it("knows numbers as keys, and gives them back", function()
    local Asks = component {
      render = function() return { "li", { "button", on_click = "go", "go" } } end,
      on = { go = function() s.answer("yes") end },
    }
    local page = visit(component {
      init = { seen = "nothing" },
      children = function()
        return { rows = { { 7, Asks }, { "x", Asks }, { 2.5, Asks } } }
      end,
      render = function(self)
        return { "div", { "p", self.seen }, s.slot("rows", { "ul" }) }
      end,
      on = { rows = function(self, value, ev)
        self.seen = ("%s from %s %s"):format(value, math.type(ev.key) or "text",
          ev.key)
      end },
    })
    page:post { to = "ix-2", event = "go" }
    assert.matches("yes from integer 7", page:text())
    page:post { to = "ix-3", event = "go" }
    assert.matches("yes from text x", page:text())
    page:post { to = "ix-4", event = "go" }
    assert.matches("yes from float 2.5", page:text())
  end)

  it("keeps a child whose embed is the same, whatever its args are made of (8.6)",
    function()
      local made = 0
      local function greet() return "hello" end
      local Child = component {
        init = function(args)
          made = made + 1
          return args
        end,
        render = function(self) return { "p", self.say() } end,
      }
      local page = visit(component {
        init = { n = 0 },
        children = function()
          return { a = Child { say = greet, deep = { { list = { 1, 2.5, true } } } } }
        end,
        render = function(self) return { "div", self.n, s.slot "a" } end,
        on = { inc = function(self) self.n = self.n + 1 end },
      })
      page:post { event = "inc" }
      page:post { event = "inc" }
      assert.matches("2 hello", page:text())
      assert.equal(1, made)
    end)

  it("makes a child anew whose args differ in any way (8.5)", function()
    local made = 0
    local Child = component {
      init = function()
        made = made + 1
        return {}
      end,
      render = function() return { "p" } end,
    }
    local args = { {}, { a = 1 }, { a = 1.5 }, { a = "1" }, { b = 1 }, { a = true },
      { a = { 1 } }, { a = { [2] = 1 } }, { a = { { 1 } } }, { a = { 1, 2 } },
      { a = { 2, 1 } }, { a = function() end }, { a = { x = 1, y = 2 } },
      { a = { x = 2, y = 1 } } }
    local page = visit(component {
      init = { i = 1 },
      children = function(self) return { a = Child(args[self.i]) } end,
      render = function() return { "div", s.slot "a" } end,
      on = { next = function(self) self.i = self.i + 1 end },
    })
    for i = 2, #args do
      local _, sent = page:post { event = "next" }
      assert.equal(i, made)
      assert.equal("replace #ix-" .. i, said(sent))
    end
  end)

  local mistakes = {
    { "a key that stands twice", { { "a", Row {} }, { "b", Row {} }, { "a", Row {} } },
      'children.rows of &quot;[^&]*&quot; %(spec/lua/children_spec.lua:%d+%): '
        .. 'the key &quot;a&quot; stands twice' },
    { "a key as text and number", { { 1, Row {} }, { "1", Row {} } },
      'the key &quot;1&quot; stands twice' },
    { "a key that is no text", { { {}, Row {} } },
      "the key of item 1 must be a string or a number, not a table" },
    { "no key", { Row {} }, "the key of item 1 must be a string or a number" },
    { "no pair", { "spec/x" }, "item 1 must be {key, embed}" },
    { "no embed", { { "a", 3 } }, "but its second is a number" },
    { "a table that is no embed", { { "a", {} } }, "a table is not an embed" },
    { "a component that is not there", { { "a", "spec/nowhere" } },
      'there is no component &quot;spec/nowhere&quot;' },
    { "neither embed nor list", 3, "must be an embed or a list" },
  }
  for _, mistake in ipairs(mistakes) do
    it("refuses " .. mistake[1], function()
      drive.log(false)
      finally(function() drive.log(true) end)
      local page = visit(component {
        children = function(self) return { rows = self.wrong and mistake[2] } end,
        render = function(self) return { "p", self.wrong and "wrong" or "right" } end,
        on = { go = function(self) self.wrong = true end },
      })
      local result, sent = page:post { event = "go" }
      assert.equal("ERR_APP", result)
      assert.matches(mistake[3], sent[1].body)
      assert.matches("right", page:text())
    end)
  end

  it("refuses a key that comes again among a thousand (8.12)", function()
    drive.log(false)
    finally(function() drive.log(true) end)
    local keys = {}
    for i = 1, 1000 do keys[i] = "k" .. i end
    local page = visit(list_of(keys))
    keys[1001] = "k500"
    local result, sent = page:post { event = "set", value = keys }
    assert.equal("ERR_APP", result)
    assert.matches('&quot;k500&quot; stands twice', sent[1].body)
  end)
end)

describe("a slot", function()
  it("cannot be drawn twice (14.2)", function()
    drive.log(false)
    finally(function() drive.log(true) end)
    local page = visit(component {
      children = { a = Row { text = "x" } },
      render = function() return { "div", s.slot "a", s.slot("a", { "p" }) } end,
    })
    assert.is_nil(page.cid)
    assert.matches('the slot &quot;a&quot; is drawn twice', page.first)
  end)

  it("needs an element that can hold others", function()
    drive.log(false)
    finally(function() drive.log(true) end)
    local page = visit(component {
      render = function() return { "div", s.slot("a", { "input" }) } end,
    })
    assert.matches("the element around a slot must hold others", page.first)
  end)

  it("may have any name, also in selectors", function()
    local name = 'a "b" #c\\d\n'
    local page = visit(component {
      init = { on = false },
      children = function(self) return { [name] = self.on and Row { text = "x" } } end,
      render = function() return { "div", s.slot(name, { "ul" }) } end,
      on = { go = function(self) self.on = true end },
    })
    local _, sent = page:post { event = "go" }
    assert.equal('append #ix-1--a\\ \\"b\\"\\ \\#c\\\\d\\a ', said(sent))
    assert.matches('<ul id="ix%-1%-%-a &quot;b&quot; #c\\d\n">', page:html())
  end)

  it("whose element has an id of its own is drawn whole when it fills", function()
    local List = list_of({}, {
      render = function() return { "div", s.slot("rows", { "ul#mine" }) } end,
    })
    local page = visit(List)
    local model = dom.page(page.first, true)
    local _, sent = page:post { event = "set", value = { "a" } }
    assert.equal("outer", said(sent))
    model:apply(sent)
    assert.equal(page:html(), model:html())
    assert.equal("after #ix-2", said(select(2,
      page:post { event = "set", value = { "a", "b" } })))
  end)

  it("inside the element around another one keeps its place", function()
    local page = visit(component {
      init = { n = 1 },
      children = function(self)
        return { inner = Row { text = "inner " .. self.n },
          outer = Row { text = "outer " .. self.n } }
      end,
      render = function()
        return { "div", s.slot("outer", { "ul", { "li", "head" }, s.slot "inner" }),
          "tail" }
      end,
      on = { go = function(self) self.n = self.n + 1 end },
    })
    assert.matches("head inner 1 outer 1 tail", page:text())
    local model = dom.page(page.first, true)
    local _, sent = page:post { event = "go" }
    model:apply(sent)
    assert.equal(page:html(), model:html())
    assert.matches("head inner 2 outer 2 tail", page:text())
  end)
end)
