-- Places: who is called takes one, who shows there, who gets the answer.
local define = require "spec.lua.define" "p"
local dom = require "spec.lua.dom"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local button, component = define.button, define.component

--- Answers its text, or what it was told to; counts what happens to it.
local Editor = component {
  init = { n = 0 },
  render = function(self)
    return { "form", "edit " .. self.text .. (self.n > 0 and self.n or ""),
      button("save", "save " .. self.text), button("cancel", "cancel " .. self.text) }
  end,
  on = {
    save = function(self) s.answer(self.text .. "!") end,
    cancel = function() s.answer() end,
    inc = function(self) self.n = self.n + 1 end,
    fail = function() s.answer_error("no") end,
  },
}

--- Keeps a model of the page in step with each event, and compares it with a whole
--- drawing. Returns a function that posts.
local function watch(page)
  local model, plain = dom.page(page.first, false), page.post
  function page:post(event)
    local result, sent = plain(self, event)
    model:apply(sent)
    assert.equal(dom.normal(page:html()), model:html())
    return result, sent
  end
  return function(event) return page:post(event) end
end

--- A list of rows whose labels open an editor in the row that is edited.
local function todo(more)
  local definition = {
    init = { rows = { "one", "two", "three" }, opened = 0 },
    render = function(self)
      return { "section", { "h1", "opened " .. self.opened }, { "ul", s.each(self.rows,
        function(text, i)
          return { "li", key = text, self.editing == i and s.slot "editor"
            or { "b", on_click = { "edit", i }, text } }
        end) } }
    end,
    on = {
      edit = function(self, i)
        s.cancel "editor"
        self.editing, self.opened = i, self.opened + 1
        local text = s.await(Editor { text = self.rows[i] }, { slot = "editor" })
        self.editing = nil
        if text then self.rows[i] = text end
      end,
      delete = function(self, i)
        s.cancel "editor"
        self.editing = nil
        table.remove(self.rows, i)
      end,
    },
  }
  for key, value in pairs(more or {}) do definition[key] = value end
  return component(definition)
end

describe("a call into a slot", function()
  it("shows where the slot really is: an editor moves to the row that is edited (7.7, defect 4)",
    function()
      local page = visit(todo())
      local post = watch(page)
      post { to = "ix-1", event = "edit", value = 1 }
      assert.matches("edit one save one cancel one two three", page:text())
      post { to = "ix-1", event = "edit", value = 2 }
      assert.matches("one edit two save two cancel two three", page:text())
      page:click "save two"
      assert.matches("one two! three", page:text())
      page:post { to = "ix-1", event = "edit", value = 3 }
      assert.matches("one two! edit three", page:text())
    end)

  it("shows the caller's own change too, whether the slot was empty or not (7.3, 7.8, defect 5)",
    function()
      local page = visit(component {
        init = { n = 0 },
        children = { main = Editor { text = "below" } },
        render = function(self) return { "div", "n " .. self.n, s.slot "main" } end,
        on = { open = function(self)
          self.n = self.n + 1
          s.call(Editor { text = "above" .. self.n }, nil, { slot = "main" })
        end },
      })
      local post = watch(page)
      post { to = "ix-1", event = "open" }
      assert.matches("n 1 edit above1", page:text())
      post { to = "ix-1", event = "open" }
      assert.matches("n 2 edit above2", page:text())
    end)

  it("shows the caller's own change beside any patch of its own (3.d, defect 5)", function()
    local page = visit(component {
      init = { n = 0 },
      render = function(self) return { "div", "n " .. self.n, { "p#extra" } } end,
      on = { go = function(self)
        self.n = self.n + 1
        s.patch({ "p#extra", "patched" })
      end },
    })
    local _, sent = page:post { event = "go" }
    assert.matches("n 1", sent[1].body)
    assert.matches("patched", sent[2].body)
  end)

  it("never patches what a slot does not show (defect 2)", function()
    local page = visit(component {
      init = { shown = true },
      children = { a = Editor { text = "tab" } },
      render = function(self) return { "div", self.shown and s.slot "a" or "none" } end,
      on = { toggle = function(self) self.shown = not self.shown end },
    })
    local post = watch(page)
    post { to = "ix-1", event = "toggle" }
    local _, sent = post { to = "ix-2", event = "inc" }
    assert.equal(0, #sent)
    post { to = "ix-1", event = "toggle" }
    assert.matches("edit tab1", page:text())
  end)

  it("never patches what another one covers (defect 2)", function()
    local page = visit(component {
      children = { a = Editor { text = "below" } },
      render = function() return { "div", s.slot "a" } end,
      on = { over = function() s.call(Editor { text = "above" }, nil, { slot = "a" }) end },
    })
    local post = watch(page)
    post { to = "ix-1", event = "over" }
    local _, sent = post { to = "ix-2", event = "inc" }
    assert.equal(0, #sent)
    _, sent = post { to = "ix-3", event = "save" }
    assert.equal("replace", sent[1].mode)
    assert.matches("edit below1", page:text())
  end)

  it("shows when its slot comes back, and so does one over it (7.7, defect 16: kasten)",
    function()
      local page = visit(component {
        init = { is_open = false },
        render = function(self)
          return { "div", self.is_open and s.slot("note", { "section" }) or "closed" }
        end,
        on = {
          open = function(self, text)
            self.is_open = true
            s.call(Editor { text = text }, nil, { slot = "note" })
          end,
          close = function(self) self.is_open = false end,
          reopen = function(self) self.is_open = true end,
        },
      })
      local post = watch(page)
      post { to = "ix-1", event = "open", value = "note" }
      post { to = "ix-1", event = "close" }
      assert.equal(" closed ", page:text())
      post { to = "ix-1", event = "open", value = "note" }
      assert.matches("edit note save note", page:text())
      post { to = "ix-1", event = "close" }
      post { to = "ix-1", event = "reopen" }
      assert.matches("edit note save note", page:text())
    end)

  it("covers an earlier one, and uncovers it (7.2, 7.4, 7.5)", function()
    local page = visit(component {
      init = { said = {} },
      render = function(self)
        return { "div", table.concat(self.said, ","), s.slot("q", { "p" }) }
      end,
      on = {
        ask = function(self, text)
          self.said[#self.said + 1] = s.await(Editor { text = text }, { slot = "q" })
        end,
      },
    })
    local post = watch(page)
    for _, text in ipairs { "a", "b", "c" } do
      post { to = "ix-1", event = "ask", value = text }
    end
    -- Instances and the tasks that wait have numbers from one row: 2, 4, 6 are asked.
    local tree = page:html()
    assert.matches("edit c", tree)
    assert.not_matches("edit [ab]", tree)
    local ids = {}
    for id in tree:gmatch 'id="(ix%-%d+)"' do ids[#ids + 1] = id end
    post { to = ids[#ids], event = "save" }
    assert.matches("c! edit b", page:text())
  end)

  it("is unlinked without a patch when it answers from the middle", function()
    local covered
    local Note = component {
      start = function() covered = covered or s.id() end,
      render = function() return { "i", "note" } end,
      on = { done = function() s.answer "note" end },
    }
    local page = visit(component {
      init = { said = "" },
      render = function() return { "div", s.slot("q", { "p" }) } end,
      on = {
        open = function() s.call(Note, "said", { slot = "q" }) end,
        said = function(self, value) self.said = self.said .. value end,
      },
    })
    local post = watch(page)
    post { to = "ix-1", event = "open" }
    post { to = "ix-1", event = "open" }
    local _, sent = post { to = covered, event = "done" }
    assert.equal(0, #sent)
    assert.matches("note", page:text())
  end)

  it("that no drawing shows is a warning, once", function()
    local page = visit(component {
      render = function() return { "div" } end,
      on = { go = function(self)
        s.await(Editor { text = "x" }, { slot = "nowhere" })
        self.n = 1
      end, other = function(self) self.n = 2 end },
    })
    local logged = drive.logged(function() page:post { event = "go" } end)
    assert.matches("called into a slot that is not drawn", logged)
    assert.matches("slot=nowhere", logged)
    assert.equal("", drive.logged(function() page:post { event = "other" } end))
  end)

  it("that is drawn, or covers a hidden child, is none", function()
    local page = visit(todo())
    assert.equal("", drive.logged(function()
      page:post { event = "edit", value = 2 }
    end))
  end)

  it("is refused in a flow, which draws nothing", function()
    drive.log(false)
    finally(function() drive.log(true) end)
    local page = visit(define.flow(function() s.await(Editor, { slot = "q" }) end))
    assert.is_nil(page.cid)
    assert.matches("draws nothing, so it has no slot", page.first)
  end)
end)

describe("a call", function()
  it("from a child answers to that child, and takes its spot among its siblings (defect 3)",
    function()
      local Row = component {
        init = { said = "nothing" },
        render = function(self) return { "li", self.name, " said ", self.said } end,
        on = { ask = function(self) self.said = s.await(Editor { text = self.name }) end },
      }
      local page = visit(component {
        children = { rows = { { "a", Row { name = "a" } }, { "b", Row { name = "b" } },
          { "c", Row { name = "c" } } } },
        render = function() return { "div", s.slot("rows", { "ul" }) } end,
      })
      local post = watch(page)
      local _, sent = post { to = "ix-3", event = "ask" }
      assert.equal(1, #sent)
      assert.equal("replace", sent[1].mode)
      assert.matches("a said nothing edit b", page:text())
      page:click "save b"
      assert.matches("a said nothing b said b! c said nothing", page:text())
    end)

  it("with an event that its caller has no function for is refused where it is made (1.5, 6.5)",
    function()
      drive.log(false)
      finally(function() drive.log(true) end)
      local page = visit(component {
        render = function() return { "p" } end,
        on = { go = function() s.call(Editor { text = "x" }, "savd") end,
          saved = function() end },
      })
      local result, sent = page:post { event = "go" }
      assert.equal("ERR_APP", result)
      assert.matches("places_spec.lua:%d+: call: &quot;spec/p%d+&quot; has no event "
        .. "&quot;savd&quot;; did you mean &quot;saved&quot;?", sent[1].body)
    end)

  local wrong = {
    { "call", "no/where", nil, nil, 'there is no component' },
    { "call", "ui/info", 3, nil, "an event's name must be a string, not a number" },
    { "call", "ui/info", nil, "slot", "call: options are a table, not a string" },
    { "call", "ui/info", nil, { slot = 3 }, "call: the option slot must be a string" },
    { "await", "ui/info", "slot", nil, "await: options are a table, not a string" },
    { "await", "ui/info", { slot = true }, nil, "await: the option slot must be a string" },
    { "become", 7, nil, nil, "an embed or a component's id is wanted, not a number" },
    { "cancel", {}, nil, nil, "cancel: a slot's name is a string, not a table" },
  }
  for _, case in ipairs(wrong) do
    it("with a wrong argument is refused at its line: " .. case[5], function()
      drive.log(false)
      finally(function() drive.log(true) end)
      local message
      local page = visit(component {
        render = function() return { "p" } end,
        on = { go = function()
          local ok, err = pcall(s[case[1]], case[2], case[3], case[4])
          message = not ok and err
          s[case[1]](case[2], case[3], case[4]) -- LINE
        end },
      })
      local result, sent = page:post { event = "go" }
      assert.equal("ERR_APP", result)
      assert.matches(case[5], message, 1, true)
      assert.matches("places_spec.lua:%d+: ", sent[1].body)
    end)
  end
end)

describe("cancel", function()
  --- A component that awaits in its own place or in a slot, and notes what happens.
  local function waiting(opts)
    local noted = {}
    return noted, component {
      init = { state = "idle" },
      render = function(self) return { "div", self.state, s.slot("q", { "p" }) } end,
      on = {
        ask = function(self)
          local _ <close> = setmetatable({}, { __close = function()
            noted[#noted + 1] = "closed"
            self.state = "closed"
            s.patch_signals { closed = true }
          end })
          self.state = "asking"
          s.await(Editor { text = "x" }, opts)
          noted[#noted + 1] = "went on"
        end,
        call = function() s.call(Editor { text = "y" }, "said", opts) end,
        said = function() noted[#noted + 1] = "said" end,
        cancel = function() s.cancel(opts and opts.slot) end,
        data = function() return { "cancel", opts and opts.slot } end,
      },
    }
  end

  for _, opts in ipairs { { slot = "q" }, false } do
    local where = opts and "in a slot" or "in its own place"
    for _, event in ipairs { "cancel", "data" } do
      it(("ends what was called %s, and the code that waited goes no further (%s)")
        :format(where, event), function()
        local noted, Waits = waiting(opts or nil)
        local page = visit(component {
          children = { a = Waits, b = Editor { text = "sibling" } },
          render = function() return { "div", s.slot "a", s.slot "b" } end,
        })
        local post = watch(page)
        post { to = "ix-2", event = "ask" }
        assert.matches("edit x", page:text())
        local _, sent = post { to = "ix-2", event = event }
        assert.same({ "closed" }, noted)
        assert.not_matches("edit x", page:text())
        assert.matches("closed", page:text())
        assert.equal("signals", sent[#sent].kind)
        post { to = "ix-2", event = event } -- nothing more to cancel
        assert.same({ "closed" }, noted)
      end)
    end

    it("brings no event to who called " .. where .. " without waiting", function()
      local noted, Waits = waiting(opts or nil)
      local page = visit(component {
        children = { a = Waits },
        render = function() return { "div", s.slot "a" } end,
      })
      local post = watch(page)
      post { to = "ix-2", event = "call" }
      post { to = "ix-2", event = "call" }
      post { to = "ix-2", event = "cancel" }
      assert.same({}, noted)
      assert.not_matches("edit", page:text())
    end)
  end

  it("leaves what others have called, and the declared child", function()
    local page = visit(component {
      children = { a = component {
        render = function() return { "p", "child" } end,
        on = { ask = function() s.call(Editor { text = "mine" }) end },
      } },
      render = function() return { "div", s.slot "a" } end,
      on = { cancel = function() s.cancel "a" end },
    })
    local post = watch(page)
    post { to = "ix-2", event = "ask" }
    post { to = "ix-1", event = "cancel" }
    assert.matches("edit mine", page:text())
    page:click "save mine"
    post { to = "ix-1", event = "cancel" }
    assert.matches("child", page:text())
  end)

  it("from a page that is covered ends the page above", function()
    local page = visit(component {
      render = function() return { "h1", "root" } end,
      on = { go = function() s.call(Editor { text = "page" }) end,
        cancel = function() s.cancel() end },
    })
    local post = watch(page)
    post { to = "ix-1", event = "go" }
    assert.matches("edit page", page:text())
    local _, sent = post { to = "ix-1", event = "cancel" }
    assert.equal("#root", sent[1].selector)
    assert.matches("root", page:text())
  end)

  it("stops what it ends, with all that was called from it (7.6)", function()
    local stopped = {}
    local Callee
    Callee = component {
      render = function(self) return { "p", self.name } end,
      stop = function(self) stopped[#stopped + 1] = self.name end,
      on = { more = function(self) s.call(Callee { name = self.name .. "'" }) end },
    }
    local page = visit(component {
      render = function() return { "div", s.slot "q" } end,
      on = { go = function() s.call(Callee { name = "a" }, nil, { slot = "q" }) end,
        cancel = function() s.cancel "q" end },
    })
    local post = watch(page)
    post { to = "ix-1", event = "go" }
    post { to = "ix-2", event = "more" }
    assert.matches("a'", page:text())
    post { to = "ix-1", event = "cancel" }
    assert.same({ "a'", "a" }, stopped)
  end)

  it("whose close raises is a failed turn: all is as it was", function()
    drive.log(false)
    finally(function() drive.log(true) end)
    local page = visit(component {
      render = function() return { "div", s.slot "q" } end,
      on = {
        ask = function()
          local _ <close> = setmetatable({}, { __close = function() error "no" end })
          s.await(Editor { text = "x" }, { slot = "q" })
        end,
        cancel = function() s.cancel "q" end,
      },
    })
    page:post { event = "ask" }
    assert.equal("ERR_APP", (page:post { event = "cancel" }))
    assert.matches("edit x", page:text())
  end)
end)

describe("a declared child", function()
  local function parent(child, more)
    local definition = {
      init = { heard = {} },
      children = function(self)
        return { row = { { 1, child { name = self.name or "a" } } } }
      end,
      render = function(self)
        return { "div", table.concat(self.heard, " "), s.slot "row" }
      end,
      on = {
        row = function(self, value, ev)
          self.heard[#self.heard + 1] = ("%s@%s"):format(value, ev.key)
        end,
        row_error = function(self, err, ev)
          self.heard[#self.heard + 1] = ("error %s@%s"):format(err, ev.key)
        end,
        rename = function(self, name) self.name = name end,
      },
    }
    for key, value in pairs(more or {}) do definition[key] = value end
    return component(definition)
  end

  local Says = component {
    render = function(self) return { "p", "I am " .. self.name } end,
    on = {
      say = function() s.answer "hello" end,
      fail = function() s.answer_error "sorry" end,
      become = function(self) s.become(Editor { text = "other " .. self.name }) end,
    },
  }

  it("answers and fails as events of its parent, and stays (6.10, 8.11)", function()
    local page = visit(parent(Says))
    local post = watch(page)
    post { to = "ix-2", event = "say" }
    post { to = "ix-2", event = "fail" }
    assert.matches("hello@1 error sorry@1 I am a", page:text())
  end)

  it("has the events of its slot's name, whatever that name is (6.12, defect 13)", function()
    local heard = {}
    local page = visit(component {
      children = { ["on/row"] = Says { name = "a" } },
      render = function() return { "div", s.slot "on/row" } end,
      on = {
        ["on/row"] = function(_, value) heard[#heard + 1] = value end,
        ["on/row_error"] = function(_, err) heard[#heard + 1] = "error " .. err end,
      },
    })
    page:post { to = "ix-2", event = "say" }
    page:post { to = "ix-2", event = "fail" }
    assert.same({ "hello", "error sorry" }, heard)
  end)

  it("whose error has no event fails the turn", function()
    drive.log(false)
    finally(function() drive.log(true) end)
    local page = visit(parent(Says, { on = {} }))
    local result, sent = page:post { to = "ix-2", event = "fail" }
    assert.equal("ERR_APP", result)
    assert.matches("sorry", sent[1].body)
  end)

  it("that becomes another keeps its place, until other args are wanted there",
    function()
      local page = visit(parent(Says))
      local post = watch(page)
      post { to = "ix-2", event = "become" }
      assert.matches("edit other a", page:text())
      post { to = "ix-1", event = "row", value = "x" } -- asks `children` again
      assert.matches("edit other a", page:text())
      page:click "save other a" -- who became it answers as it would
      assert.matches("other a!@1 edit other a", page:text())
      post { to = "ix-1", event = "rename", value = "b" }
      assert.matches("I am b", page:text())
    end)
end)

describe("start and stop", function()
  it("run parents first, and children first, siblings in order (1.11, 5.1, 8.4)", function()
    local noted = {}
    local function noting(id, definition)
      definition.start = function() noted[#noted + 1] = "+" .. id end
      definition.stop = function() noted[#noted + 1] = "-" .. id end
      return component(definition)
    end
    local Leaf = {}
    for _, id in ipairs { "a", "b", "c" } do
      Leaf[id] = noting(id, { render = function() return { "p", id } end })
    end
    local Group = noting("group", {
      children = { list = { { 1, Leaf.a }, { 2, Leaf.b } } },
      render = function() return { "div", s.slot "list" } end,
    })
    local page = visit(noting("root", {
      children = function(self)
        return { group = not self.gone and Group or nil, last = Leaf.c }
      end,
      render = function() return { "div", s.slot "group", s.slot "last" } end,
      on = { go = function(self) self.gone = true end,
        back = function(self) self.gone = false end },
    }))
    assert.equal("+root +group +a +b +c", table.concat(noted, " "))
    noted = {}
    page:post { event = "go" }
    assert.equal("-b -a -group", table.concat(noted, " "))
    noted = {}
    page:post { event = "back" }
    assert.equal("+group +a +b", table.concat(noted, " "))
  end)

  local function boom() error "start failed" end

  it("that raise are banners, at boot too (5.6, defect 18)", function()
    drive.log(false)
    finally(function() drive.log(true) end)
    local Bad = component { start = boom, render = function() return { "p" } end }
    local page = visit(Bad)
    assert.is_nil(page.cid)
    assert.matches('role="alert"', page.first)
    assert.matches("start failed", page.first)
    assert.matches("start of spec/p", page.first)
    page = visit(component { children = { a = Bad },
      render = function() return { "div", s.slot "a" } end })
    assert.is_nil(page.cid)
    assert.matches('role="alert"', page.first)
  end)

  it("of children and callees that raise put the turn back", function()
    drive.log(false)
    finally(function() drive.log(true) end)
    local Bad = component { start = boom, render = function() return { "p" } end }
    local Stops = component { stop = boom, render = function() return { "i", "here" } end,
      on = { leave = function() s.answer() end } }
    local page = visit(component {
      children = function(self) return { a = self.bad and Bad, b = not self.gone and Stops } end,
      render = function(self) return { "div", self.bad and "bad" or "good", s.slot "b" } end,
      on = { bad = function(self) self.bad = true end,
        gone = function(self) self.gone = true end,
        call = function() s.call(Bad) end },
    })
    for _, event in ipairs { "bad", "gone", "call" } do
      local result, sent = page:post { to = "ix-1", event = event }
      assert.equal("ERR_APP", result)
      assert.matches("start failed", sent[1].body)
      assert.matches("good here", page:text())
    end
  end)
end)
