-- The turn, calls and answers, waiting, rollback: conversations driven without I/O.
local define = require "spec.lua.define" "c"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local button, component, flow = define.button, define.component, define.flow

--- A component whose `on.go` is f, with a button "go" and `self.said` on show.
local function with_handler(f, more)
  local definition = {
    init = { said = "nothing" },
    render = function(self)
      return { "section", { "p", "said ", tostring(self.said) },
        button "go", button "other" }
    end,
    on = { go = f, other = function(self) self.said = "other" end },
  }
  for key, value in pairs(more or {}) do definition[key] = value end
  return component(definition)
end

describe("a turn", function()
  it("draws what a handler changed, and only that instance (3.9)", function()
    local Count = component {
      init = { n = 0 },
      render = function(self) return { "p", self.n, button("inc", "+") } end,
      on = { inc = function(self) self.n = self.n + 1 end },
    }
    local Two = component {
      children = { a = Count { n = 1 }, b = Count { n = 5 } },
      render = function() return { "div", s.slot "a", s.slot "b" } end,
    }
    local page = visit(Two)
    local result, sent = page:click "+"
    assert.equal("OK", result)
    assert.equal(1, #sent)
    assert.equal("elements", sent[1].kind)
    assert.matches('id="ix%-2"', sent[1].body)
    assert.matches("^<p[^>]*>2<", sent[1].body)
    assert.matches(">5<", page:html())
  end)

  it("sends nothing when the drawing is the same (2.1)", function()
    local page = visit(with_handler(function() end))
    page:click "go"
    local result, sent = page:post { event = "go" }
    assert.equal("OK", result)
    assert.equal(0, #sent)
  end)

  it("answers a repeated event without running it again (3.h)", function()
    local page = visit(with_handler(function(self)
      self.said = self.said .. "!"
    end))
    page:post { event = "go", page = "p", n = 1 }
    local result, sent = page:post { event = "go", page = "p", n = 1 }
    assert.equal("OK", result)
    assert.equal(0, #sent)
    assert.matches("said nothing! ", page:text())
    page:post { event = "go", page = "q", n = 1 }
    assert.matches("said nothing!! ", page:text())
  end)

  it("shows nothing before its commit, and nothing at all when that fails (3.f, 20.3, defect 10)",
    function()
      local page = visit(with_handler(function(self) self.said = "done" end))
      page:click "other"
      drive.log(false)
      drive.hold(true)
      drive.take()
      local answer = drive.post(page.cid, { event = "go" })
      drive.poll()
      assert.is_nil(answer.result)
      assert.equal(0, #drive.take())
      drive.settle(false)
      drive.poll()
      assert.equal("ERR_UNAVAILABLE", answer.result)
      assert.equal(0, #drive.take())
      drive.hold(false)
      drive.log(true)
      assert.matches("said other", page:text())
      page:click "go"
      assert.matches("said done", page:text())
    end)

  it("queues events that arrive during a commit, and refuses past the bound (3.e, B:lock)",
    function()
      local page = visit(with_handler(function(self)
        self.n = (self.n or 0) + 1
        self.said = self.n
      end))
      drive.hold(true)
      local answers = {}
      for i = 1, 66 do answers[i] = drive.post(page.cid, { event = "go" }) end
      assert.equal("ERR_TOO_MANY", answers[66].result)
      assert.is_nil(answers[65].result)
      drive.settle(true)
      drive.poll()
      assert.equal("OK", answers[1].result)
      assert.is_nil(answers[2].result)
      drive.hold(false)
      while drive.poll() > 0 do end
      assert.equal("OK", answers[65].result)
      assert.matches("said 65 ", page:text())
    end)

  it("says that a conversation is gone only once its end is kept", function()
    local page = visit(with_handler(function() s.finish() end))
    page:click "other"
    drive.log(false)
    drive.hold(true)
    finally(function()
      drive.hold(false)
      drive.log(true)
    end)
    drive.post(page.cid, { event = "go" })
    local failed = drive.post(page.cid, { event = "other" })
    assert.is_true(drive.alive(page.cid))
    assert.is_nil(failed.result)
    drive.settle(false)
    drive.poll()
    drive.post(page.cid, { event = "go" })
    local kept = drive.post(page.cid, { event = "other" })
    drive.hold(false)
    drive.log(true)
    while drive.poll() > 0 do end
    assert.equal("OK", failed.result)
    assert.equal("ERR_GONE", kept.result)
    assert.is_false(drive.alive(page.cid))
  end)

  it("ignores an event for an instance that is gone (3.1, 6.9)", function()
    local page = visit(with_handler(function() end))
    assert.equal("OK", (page:post { to = "ix-77", event = "go" }))
  end)
end)

describe("a failed turn", function()
  before_each(function() drive.log(false) end)
  after_each(function() drive.log(true) end)

  local failures = {
    { "throws a string", function() error("kaputt") end, "kaputt" },
    { "throws a table", function() error({ code = 7 }) end, "table" },
    { "throws nil", function() error(nil) end, "nil" },
    { "throws a table with __tostring", function()
      error(setmetatable({}, { __tostring = function() return "my error" end }))
    end, "my error" },
    { "returns nonsense", function() return 42 end, "returned a number" },
    { "returns a new state (2.2, 2.3)", function() return { n = 1 } end,
      "changes self in place" },
    { "returns an embed", function() return s.info("x") end,
      "did you mean s.await" },
    { "returns a list with nonsense", function() return { { "answr" } } end,
      "answr" },
    { "loops for ever", function() while true do end end, "CPU" },
    { "loops for ever inside pcall", function()
      while true do pcall(function() while true do end end) end
    end, "CPU" },
    { "loops for ever in a coroutine", function()
      coroutine.wrap(function() while true do end end)()
    end, "CPU" },
    { "recurses for ever", function()
      local function f() return 1 + f() end
      return f()
    end, "stack overflow" },
    { "allocates for ever", function()
      local t, kb = {}, ("x"):rep(1000)
      while true do t[#t + 1] = kb:rep(100) .. #t end
    end, "memory" },
    { "swallows running out of memory", function()
      pcall(function()
        local t, kb = {}, ("x"):rep(1000)
        while true do t[#t + 1] = kb:rep(100) .. #t end
      end)
    end, "memory" },
    { "answers with a call to nothing", function() s.call("no/such") end,
      'no component &quot;no/such&quot;' },
    { "keeps what cannot be saved", function(self) self.file = io.open("/dev/null") end,
      "self.file: a userdata of type FILE* cannot be saved" },
  }
  for _, failure in ipairs(failures) do
    it("that " .. failure[1] .. " shows a banner and goes on (2.5, 3.a, 4.1, 22.1)", function()
      local page = visit(with_handler(function(self)
        self.said = "half"
        self.list = { "half" }
        return failure[2](self)
      end))
      page:click "other"
      -- A slow machine must not run out of CPU before it runs out of the rest.
      drive.budget(failure[3] == "CPU" and 60 or 60000)
      local result, sent = page:click "go"
      drive.budget()
      assert.equal("ERR_APP", result)
      assert.equal(1, #sent)
      assert.matches('role="alert"', sent[1].body)
      assert.matches(failure[3], sent[1].body, 1, true)
      assert.matches("said other", page:text())
      local _, again = page:click "other"
      assert.matches("said other", again[1].body)
    end)
  end

  it("that waits 16 times refuses the 17th", function()
    local Ask = component {
      render = function() return { "p", "asked" } end,
    }
    local page = visit(component {
      render = function() return { "div", button "go", s.slot "x" } end,
      on = { go = function() s.await(Ask, { slot = "x" }) end },
    })
    for _ = 1, 16 do assert.equal("OK", (page:click "go")) end
    local result, sent = page:click "go"
    assert.equal("ERR_APP", result)
    assert.matches("16 tasks", sent[1].body)
  end)

  it("puts back what was changed in place, at any depth", function()
    local page = visit(component {
      init = { list = { { n = 1 } } },
      render = function(self)
        return { "div", { "p", "n ", self.list[1].n, " of ", #self.list },
          button "go" }
      end,
      on = {
        go = function(self)
          self.list[1].n = 2
          self.list[2] = {}
          error("no")
        end,
      },
    })
    page:click "go"
    assert.matches("n 1 of 1", page:text())
  end)

  it("in a render shows the banner and keeps the state", function()
    local page = visit(with_handler(function(self) self.said = nil end, {
      render = function(self)
        return { "div", { "p", "said " .. self.said }, button "go" }
      end,
    }))
    local result, sent = page:click "go"
    assert.equal("ERR_APP", result)
    assert.matches("attempt to concatenate", sent[1].body)
    assert.matches("said nothing", page:text())
  end)

  local renders = {
    { "nothing at all", function() return nil end },
    { "true", function() return true end },
    { "a function", function() return print end },
    { "an element without a tag", function() return { "", on_clock = 1 } end },
    { "a bad attribute", function() return { "p", ["on click"] = "x" } end },
    { "an event it has not", function()
      return { "p", on_click = "goo" }
    end },
    { "a table that holds itself", function()
      local t = { "p" }
      t[2] = t
      return t
    end },
  }
  for _, case in ipairs(renders) do
    it("whose render returns " .. case[1] .. " never crashes", function()
      local bad = false
      local page = visit(component {
        render = function()
          if bad then return case[2]() end
          return { "p", "fine", button "go" }
        end,
        on = { go = function() bad = true end },
      })
      page:click "go"
      bad = false
      assert.matches("fine", page:text())
    end)
  end

  it("at boot leaves no conversation, and says why (22.2)", function()
    local before = drive.stats().conversations
    local page = visit(component {
      init = function() error("no state today") end,
      render = function() return { "p" } end,
    })
    assert.is_nil(page.cid)
    assert.matches("no state today", page.first)
    assert.equal(before, drive.stats().conversations)
  end)

  it("names the function of the definition that is wrong, and its line", function()
    local page = visit(component { init = function() end })
    assert.matches("init of &quot;[^&]+&quot; %(spec/lua/kernel_spec.lua:%d+%) must return"
      .. " the state, a table, not a nil", page.first)
  end)
end)

describe("calling and answering", function()
  local Yes = component {
    render = function() return { "p", "sure?", button "yes",
      button "no", button "bad" } end,
    on = {
      yes = function() s.answer("yes") end,
      no = function() s.answer() end,
      bad = function() s.answer_error("bad things") end,
    },
  }

  it("repaints the caller that was on the screen (6.4, 6.8, defect 1)", function()
    local page = visit(with_handler(function() s.call(Yes, "said") end, {
      on = {
        go = function() s.call(Yes, "said") end,
        said = function(self, v) self.said = v end,
      },
      render = function(self)
        return { "section", { "p", "said ", tostring(self.said) },
          button "go" }
      end,
    }))
    local _, sent = page:click "go"
    assert.equal("#root", sent[1].selector)
    assert.equal("inner", sent[1].mode)
    _, sent = page:click "yes"
    assert.equal("#root", sent[1].selector)
    assert.matches("said yes", sent[1].body)
  end)

  it("never patches a covered frame (6.8, defect 2)", function()
    local page = visit(with_handler(function() s.call(Yes) end))
    page:click "go"
    local result, sent = page:post { to = "ix-1", event = "other" }
    assert.equal("OK", result)
    assert.equal(0, #sent)
    page:click "yes"
    assert.matches("said other", page:text())
  end)

  it("from an embedded child answers to that child, in its place (6.1, defect 3)",
    function()
      local Child = with_handler(function(self)
        self.said = s.await(Yes)
      end)
      local page = visit(component {
        children = { left = Child, right = Child },
        render = function()
          return { "main", { "h1", "both" }, s.slot "left", s.slot "right" }
        end,
      })
      page:click "go"
      assert.matches("both sure%? yes no bad said nothing go", page:text())
      page:click "yes"
      assert.matches("both said yes go other said nothing go", page:text())
    end)

  it("raises what was answered with answer_error, unwrapped (6.11)", function()
    local page = visit(with_handler(function(self)
      local ok, e = pcall(s.await, Yes)
      self.said = tostring(ok) .. " " .. tostring(e)
    end))
    page:click "go"
    page:click "bad"
    assert.matches("said false bad things", page:text())
  end)

  it("an error that nobody takes puts the turn back", function()
    drive.log(false)
    local page = visit(with_handler(function(self) self.said = s.await(Yes) end))
    page:click "go"
    local result, sent = page:click "bad"
    drive.log(true)
    assert.equal("ERR_APP", result)
    assert.matches("bad things", sent[1].body)
    assert.matches("sure%?", page:text())
    page:click "yes"
    assert.matches("said yes", page:text())
  end)

  it("become takes the place and the caller (7.1)", function()
    local Second = component {
      render = function() return { "p", "second", button("yes", "done") } end,
      on = { yes = function() s.answer("from second") end },
    }
    local First = component {
      render = function() return { "p", "first", button "next" } end,
      on = { next = function() s.become(Second) end },
    }
    local page = visit(with_handler(function(self) self.said = s.await(First) end))
    page:click "go"
    page:click "next"
    assert.matches("second", page:text())
    page:click "done"
    assert.matches("said from second", page:text())
  end)

  it("an answer of the root ends the conversation (6.7)", function()
    local page = visit(Yes)
    local result, sent = page:click "yes"
    assert.equal("OK", result)
    assert.equal("close", sent[#sent].kind)
    assert.is_false(drive.alive(page.cid))
  end)

  it("the event that brings an answer may call again, answer and finish (6.6)", function()
    local page = visit(component {
      init = { n = 0 },
      render = function() return { "p", button "go" } end,
      on = {
        go = function() s.call(Yes, "said") end,
        said = function(self)
          self.n = self.n + 1
          if self.n < 3 then s.call(Yes, "said") else s.answer() end
        end,
      },
    })
    page:click "go"
    for _ = 1, 2 do
      page:click "yes"
      assert.matches("sure%?", page:text())
    end
    local _, sent = page:click "yes"
    assert.equal("close", sent[#sent].kind)
    assert.is_false(drive.alive(page.cid))
  end)

  it("an error that the root answers with ends the conversation too (6.13)", function()
    local page = visit(Yes)
    local result, sent = page:click "bad"
    assert.equal("OK", result)
    assert.equal("close", sent[#sent].kind)
    assert.is_false(drive.alive(page.cid))
  end)

  it("runs stop hooks, callees and children first (6.3)", function()
    local order = {}
    local function noted(label, more)
      local definition = {
        render = function() return { "p", label, button "x",
          s.slot "kid" } end,
        stop = function() order[#order + 1] = label end,
        on = { x = function() s.finish() end },
      }
      for key, value in pairs(more or {}) do definition[key] = value end
      return component(definition)
    end
    local Kid = noted "kid"
    local Callee = noted "callee"
    local page = visit(noted("root", {
      children = { kid = Kid },
      on = { x = function() s.finish() end, go = function()
        s.call(Callee, nil, { slot = "side" })
      end },
      render = function() return { "p", button "go", s.slot "kid",
        s.slot "side" } end,
    }))
    page:click "go"
    page:click "x"
    assert.same({ "callee", "kid", "root" }, order)
  end)

  it("what stop asks for is done, before the caller goes on (5.3)", function()
    local Callee = component {
      render = function() return { "p", button "yes" } end,
      on = { yes = function() s.answer(true) end },
      stop = function() s.execute_script "stopped()" end,
    }
    local page = visit(with_handler(function()
      s.await(Callee)
      s.execute_script "went_on()"
    end))
    page:click "go"
    local _, sent = page:click "yes"
    assert.equal("stopped()", sent[#sent - 1].body)
    assert.equal("went_on()", sent[#sent].body)
  end)

  it("an answer of a declared child is an event of its parent (15.9)", function()
    local Child = component {
      render = function() return { "p", button "tell" } end,
      on = { tell = function() s.answer("news") end },
    }
    local page = visit(component {
      init = { heard = "nothing" },
      children = { list = { { "k", Child } } },
      render = function(self)
        return { "div", { "p", "heard ", self.heard }, s.slot "list" }
      end,
      on = {
        list = function(self, v, ev) self.heard = v .. " of " .. ev.key end,
      },
    })
    page:click "tell"
    page:click "tell"
    assert.matches("heard news of k", page:text())
  end)

  it("children as a function follow the state (1.11)", function()
    local Item = component {
      render = function(self) return { "li", self.text } end,
    }
    local page = visit(component {
      init = { items = { "a", "b" } },
      children = function(self)
        local list = {}
        for i, text in ipairs(self.items) do
          list[i] = { text, Item { text = text } }
        end
        return { items = list }
      end,
      render = function()
        return { "div", s.slot("items", { "ul" }), button "go" }
      end,
      on = { go = function(self) self.items = { "c", "b", "x" } end },
    })
    page:click "go"
    assert.matches(
      'id="ix%-4"[^>]*>c</li><li[^>]*id="ix%-3"[^>]*>b</li><li[^>]*id="ix%-5"[^>]*>x<',
      page:html())
  end)
end)

describe("waiting", function()
  local Ask = component {
    render = function(self) return { "p", self.text or "ask",
      button "one", button "two", button "boom" } end,
    on = {
      one = function() s.answer(1) end,
      two = function() s.answer(2) end,
      boom = function() s.answer_error("boom") end,
    },
  }
  local Show = component {
    render = function(self) return { "p", "shown ", self.text } end,
  }

  --- A flow that ends by showing what f returned.
  local function shows(f)
    return visit(flow(function()
      s.await(Show { text = tostring(f()) })
    end))
  end

  it("works in loops, nested functions and pcall (9.5, 9.7)", function()
    local page = shows(function()
      local sum = 0
      local function ask() return s.await(Ask) end
      for _ = 1, 3 do
        local ok, v = pcall(ask)
        sum = sum + (ok and v or 100)
      end
      return sum
    end)
    page:click "one"
    page:click "boom"
    page:click "two"
    assert.matches("shown 103", page:text())
  end)

  it("works in iterators and coroutines of the app's own", function()
    local page = shows(function()
      local got = {}
      local function answers()
        return coroutine.wrap(function()
          for _ = 1, 2 do coroutine.yield(s.await(Ask)) end
        end)
      end
      for v in answers() do got[#got + 1] = v end
      return table.concat(got, ",")
    end)
    page:click "two"
    page:click "one"
    assert.matches("shown 2,1", page:text())
  end)

  it("keeps its place through a failed turn (3.c, defect 11)", function()
    drive.log(false)
    local page = shows(function()
      local a = s.await(Ask { text = "first" })
      if a == 2 then error("two is refused") end
      local b = s.await(Ask { text = "second" })
      return a + b * 10
    end)
    local result = page:click "two"
    drive.log(true)
    assert.equal("ERR_APP", result)
    assert.matches("first", page:text())
    page:click "one"
    assert.matches("second", page:text())
    page:click "two"
    assert.matches("shown 21", page:text())
  end)

  it("lets other events run meanwhile, on the same self", function()
    local page = visit(component {
      init = { n = 0 },
      render = function(self)
        return { "div", { "p", "n ", self.n }, button "ask",
          button "inc", s.slot "q" }
      end,
      on = {
        ask = function(self)
          local v = s.await(Ask, { slot = "q" })
          self.n = self.n + v * 10
        end,
        inc = function(self) self.n = self.n + 1 end,
      },
    })
    page:click "ask"
    page:click "inc"
    page:click "two"
    assert.matches("n 21 ask", page:text())
  end)

  it("a flow that awaits nothing answers at once; as the root it leaves nothing (5.2, 9.2, 9.4)",
    function()
      local Instant = flow(function(args) return args.n + 1 end)
      local page = shows(function() return s.await(Instant { n = 1 }) end)
      assert.matches("shown 2", page:text())
      assert.is_nil(visit(Instant { n = 1 }).cid)
    end)

  it("a flow's error is raised in the flow that called it (9.7)", function()
    local Inner = flow(function()
      s.await(Ask)
      error("inner failed", 0)
    end)
    local page = shows(function()
      local _, e = pcall(s.await, Inner)
      return e
    end)
    page:click "one"
    assert.matches("shown inner failed", page:text())
  end)

  it("without end and without showing anything is stopped", function()
    drive.log(false)
    local Instant = flow(function() return 1 end)
    local page = visit(flow(function()
      while true do s.await(Instant) end
    end))
    drive.log(true)
    assert.is_nil(page.cid)
    assert.matches("1000 tasks", page.first)
  end)

  local refused = {
    { "render", function(where)
      return component { render = function() s.await(Ask) end }, where
    end },
    { "init", function() return component { init = function()
      s.await(Ask)
    end } end },
    { "children", function() return component { children = function()
      s.await(Ask)
    end } end },
  }
  for _, case in ipairs(refused) do
    it("is refused in " .. case[1], function()
      drive.log(false)
      local page = visit((case[2]()))
      drive.log(true)
      assert.is_nil(page.cid)
      assert.matches("await", page.first)
    end)
  end

  it("is refused inside table.sort, naming it", function()
    drive.log(false)
    local page = visit(with_handler(function()
      table.sort({ 3, 1, 2 }, function(a, b) return s.await(Ask) < a + b end)
    end))
    local result, sent = page:click "go"
    drive.log(true)
    assert.equal("ERR_APP", result)
    assert.matches("sort", sent[1].body)
  end)

  it("closes the variables of a task that is removed", function()
    local closed
    local page = visit(component {
      render = function() return { "div", button "go",
        button "stop", s.slot "q" } end,
      on = {
        go = function()
          local guard <close> = setmetatable({}, {
            __close = function() closed = true end })
          s.await(Ask, { slot = "q" })
          return guard
        end,
        stop = function() s.finish() end,
      },
    })
    page:click "go"
    page:click "stop"
    assert.is_true(closed)
  end)
end)

describe("update", function()
  it("gets the new args of the same child, and may wait", function()
    local Ask = component {
      render = function() return { "p", button("ok", "answer") } end,
      on = { ok = function() s.answer("!") end },
    }
    local Child = component {
      render = function(self)
        return { "p", "child ", self.text, self.mark or "", s.slot "q" }
      end,
      update = function(self, args)
        self.text = args.text
        self.mark = s.await(Ask, { slot = "q" })
      end,
    }
    local page = visit(component {
      init = { n = 1 },
      children = function(self) return { c = Child { text = "v" .. self.n } } end,
      render = function() return { "div", button "go", s.slot "c" } end,
      on = { go = function(self) self.n = self.n + 1 end },
    })
    page:click "go"
    assert.matches("child v2 answer", page:text())
    page:click "answer"
    assert.matches("child v2!", page:text())
    assert.matches('id="ix%-2"', page:html())
  end)
end)

describe("sleep", function()
  it("is invisible, whatever waits", function()
    local Ask = component {
      render = function() return { "p", button("ok", "answer") } end,
      on = { ok = function() s.answer(1) end },
    }
    local Adds = flow(function()
      local sum, add = 0, function(n) return n + 1 end
      while true do
        sum = sum + s.await(Ask)
        if add(sum) > 3 then s.await(s.info("sum " .. sum)) end
      end
    end)
    drive.restart(false) -- none are there of other specs
    drive.hot(1)
    local pages, before = {}, drive.stats().conversations
    for i = 1, 5 do pages[i] = visit(Adds) end
    for _ = 1, 3 do
      for _, page in ipairs(pages) do page:click "answer" end
    end
    -- All but the last have left memory, and come back when they are asked for.
    assert.is_true(drive.stats().conversations - before < 5)
    for _, page in ipairs(pages) do assert.matches("sum 3", page:text()) end
    drive.hot()
  end)
end)

describe("effects as data", function()
  it("are folded like calls, in order (2.4, 2.6, 3.8)", function()
    local page = visit(with_handler(function()
      s.patch_signals { a = 1 }
      return { { "patch_signals", { b = 2 } }, { "execute_script", "x()" } }
    end))
    page:click "go"
    local _, sent = page:post { event = "go" }
    assert.same({ '{"a":1}', '{"b":2}', "x()" },
      { sent[1].body, sent[2].body, sent[3].body })
  end)

  it("none takes effect when the function raises (3.b)", function()
    drive.log(false)
    local page = visit(with_handler(function()
      s.patch_signals { a = 1 }
      error("no")
    end))
    local _, sent = page:click "go"
    drive.log(true)
    assert.equal(1, #sent)
    assert.matches("alert", sent[1].body)
  end)

  it("patch draws markup of its own", function()
    local page = visit(with_handler(function()
      s.patch({ "p", "a < b" }, { selector = "#x", mode = "append" })
    end))
    page:click "go"
    local _, sent = page:post { event = "go" }
    assert.same({ "append", "#x", "<p>a &lt; b</p>" },
      { sent[1].mode, sent[1].selector, sent[1].body })
  end)
end)

describe("bound fields", function()
  local Form = component {
    init = { draft = "x", age = 3, nested = { street = "old" }, seen = "" },
    render = function(self)
      return { "form", on_submit = "save",
        { "input", bind = "draft" }, { "input", bind = "age", type = "number" },
        { "input", bind = "nested.street" },
        { "p", "seen ", self.seen }, button "clear", { "button", "ok" } }
    end,
    on = {
      save = function(self)
        self.seen = ("%s/%s/%s"):format(self.draft, math.type(self.age),
          self.nested.street)
      end,
      clear = function(self) self.draft = "" end,
    },
  }

  it("hold what was typed before the handler runs, in their type (3.3)", function()
    local page = visit(Form)
    page:post { to = "ix-1", event = "save", signals = {
      ix1 = { draft = "milk", age = "42", nested = { street = "Elm" } },
      ix2 = { draft = "no" } } }
    assert.matches("seen milk/integer/Elm", page:text())
  end)

  it("take a form's fields by name", function()
    local page = visit(Form)
    page:post { to = "ix-1", event = "save", form = { draft = "eggs" } }
    assert.matches("seen eggs/", page:text())
  end)

  it("reach the input when code assigns them, and only then", function()
    local page = visit(Form)
    local _, sent = page:post { to = "ix-1", event = "save",
      signals = { ix1 = { draft = "typed" } } }
    for _, f in ipairs(sent) do assert.not_equal("signals", f.kind) end
    _, sent = page:post { to = "ix-1", event = "clear",
      signals = { ix1 = { draft = "typed more" } } }
    assert.equal("signals", sent[#sent].kind)
    assert.equal('{"ix1":{"draft":""}}', sent[#sent].body)
  end)

  it("cannot be set when they are not bound", function()
    local page = visit(with_handler(function() end))
    page:post { event = "go", signals = { ix1 = { said = "forged" } } }
    assert.matches("said nothing", page:text())
  end)
end)

describe("who it is that runs", function()
  it("is known by id, parent and conversation, and nobody is outside (14.4, 16.4)",
    function()
      local known = {}
      local Child = component {
        render = function() return { "p", s.id(), " ", s.parent() } end,
        on = { go = function()
          known = { s.id(), s.parent(), s.conversation_id() }
        end },
      }
      local page = visit(component {
        children = { a = Child },
        render = function() return { "div", s.id(), s.slot "a" } end,
      })
      assert.matches("ix%-1 ix%-2 ix%-1", page:text())
      page:post { to = "ix-2", event = "go" }
      assert.same({ "ix-2", "ix-1", page.cid }, known)
      assert.is_nil(s.id())
      assert.is_nil(s.parent())
      assert.is_nil(s.conversation_id())
    end)
end)

describe("event URLs", function()
  it("hold only for what was drawn, in this conversation (13.7)", function()
    local page = visit(with_handler(function() end))
    local other = visit(with_handler(function() end))
    local mac = page:html():match("/ix%-1/go%?m=([%w_-]+)")
    assert.is_true(drive.offered(page.cid, 1, "go", nil, mac))
    assert.is_false(drive.offered(page.cid, 1, "other", nil, mac))
    assert.is_false(drive.offered(page.cid, 2, "go", nil, mac))
    assert.is_false(drive.offered(page.cid, 1, "go", "1", mac))
    assert.is_false(drive.offered(page.cid, 1, "go", "", mac))
    assert.is_false(drive.offered(other.cid, 1, "go", nil, mac))
  end)
end)
