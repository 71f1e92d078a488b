-- What is seen of a conversation from outside: its page, what is known of it, and what
-- a failed turn has left.
local define = require "spec.lua.define" "look"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local component = define.component

local function quietly(f, ...)
  drive.log(false)
  local result = table.pack(f(...))
  drive.log(true)
  return table.unpack(result, 1, result.n)
end

local drawn = 0
local Counter = s.component("look/counter", {
  init = { n = 0 },
  render = function(self)
    drawn = drawn + 1
    return { "p", "n ", self.n, { "input", bind = "n" }, { "button", on_click = "inc", "inc" } }
  end,
  on = {
    inc = function(self) self.n = self.n + 1 end,
    fail = function(self) self.n, self.inner = 99, { deep = true } error "on purpose" end,
    wait = function(self) self.n = 50 s.await(s.info "?") error "after the wait" end,
    keep = function(self) self.file = io.tmpfile() end,
    later = function() s.after(5, "inc") s.subscribe("look/t", "inc") s.send(s.id(), "inc") end,
  },
})

describe("html", function()
  it("is the page as it would be painted now, and changes nothing", function()
    local page = visit(Counter):follow()
    local c = s.conversation(page.cid)
    page:click "inc"
    local head = c:inspect().bytes
    assert.equal(page:html(), c:html())
    assert.matches("n 1", c:html())
    assert.equal(head, c:inspect().bytes)
    local result, sent = page:click "inc"
    assert.equal("OK", result)
    assert.equal("outer", sent[1].mode) -- patched as if nobody had looked
  end)

  it("is what stood at a turn", function()
    local page = visit(Counter)
    page:click "inc"
    page:click "inc"
    local c = s.conversation(page.cid)
    assert.matches("n 0", c:html(c:turns()[1].turn))
    assert.matches("n 2", c:html())
  end)

  it("can be had in a handler of another conversation, whose turn goes on", function()
    local other = visit(Counter)
    local seen, mine
    local page = visit(component {
      init = { said = "" },
      render = function(self) return { "p", self.said, { "button", on_click = "go", "go" } } end,
      on = { go = function(self)
        self.said = "before"
        s.patch { "i", id = "extra" }
        seen = s.conversation(other.cid):html()
        mine = s.conversation(s.conversation_id()):html()
        self.said = self.said .. " and after"
        s.after(1, "tick")
      end, tick = function() end },
    })
    local result, sent = page:click "go"
    assert.equal("OK", result)
    assert.matches("n 0", seen)
    assert.matches("<p[^>]*><button", mine) -- as the turn began
    assert.matches("before and after", page:html())
    assert.equal(2, #sent)
    assert.equal(1, #s.conversation(page.cid):inspect().timers)
  end)

  it("raises what its drawing raises, and in a drawing it is refused", function()
    local breaks = false
    local page = visit(component { render = function()
      if breaks then error "a broken render" end
      return { "p" }
    end })
    local c = s.conversation(page.cid)
    breaks = true
    local ok, e = pcall(function() c:html() end)
    assert.is_false(ok)
    assert.matches("^spec/lua/look_spec.lua:%d+: its page cannot be drawn: .*a broken render", e)
    breaks = false
    assert.is_string(c:html())
    local said
    visit(component { render = function()
      said = select(2, pcall(c.html, c))
      return { "p" }
    end })
    assert.matches("html cannot be used in render", said)
  end)

  it("of a loop without end is given up", function()
    local loops = false
    local page = visit(component { render = function()
      while loops do end
      return { "p" }
    end })
    loops = true
    drive.budget(20)
    local ok, e = pcall(function() s.conversation(page.cid):html() end)
    drive.budget()
    assert.is_false(ok)
    assert.matches("took more than 20 ms", e)
  end)
end)

describe("inspect", function()
  it("tells what is known, all but values (25.4)", function()
    local page = visit(Counter)
    local c = s.conversation(page.cid)
    assert.equal("provisional", c:inspect().status)
    page:click "inc"
    page:post { event = "later" }
    page:post { event = "wait" }
    local i = c:inspect()
    assert.equal(page.cid, i.cid)
    assert.equal("live", i.status)
    assert.same({ "look/counter", "ui/info" }, i.frames)
    assert.equal(2, i.instances)
    assert.equal(1, i.tasks)
    assert.equal(3, i.back)
    assert.equal(0, i.forward)
    assert.same({ { iid = "ix-1", topic = "look/t", event = "inc" } }, i.subscriptions)
    assert.equal("inc", i.timers[1].event)
    assert.equal("ix-1", i.timers[1].iid)
    assert.is_true(i.timers[1].due > i.minted)
    assert.is_true(i.turn >= 4)
    assert.is_true(i.bytes > 100)
  end)
end)

describe("the wreck of a failed turn", function()
  it("is the state as it stood, while the conversation goes on from before (B:wreck)",
    function()
      local page = visit(Counter)
      page:click "inc"
      local c = s.conversation(page.cid)
      assert.is_nil(c:wreck())
      quietly(page.post, page, { event = "fail" })
      local w = c:wreck()
      assert.equal("fail", w.event)
      assert.equal("look/counter", w.component)
      assert.equal("ix-1", w.instance)
      assert.equal("on.fail", w.where)
      assert.matches("on purpose", w.error)
      assert.matches("look_spec.lua", w.traceback)
      assert.equal(c:inspect().turn, w.turn)
      assert.same({ n = 99, inner = { deep = true } }, c:state(nil, "wreck"))
      assert.equal("ix-1", c:tree("wreck").iid)
      assert.equal(1, c:state().n) -- never what anything goes on from
      assert.matches("n 1", c:html())
      assert.matches("n 99", c:html "wreck")
      page:click "inc"
      assert.equal(2, c:state().n)
      assert.equal(99, c:state(nil, "wreck").n)
    end)

  it("is of the turn after the wait, when that failed", function()
    local page = visit(Counter)
    page:post { event = "wait" }
    quietly(page.click, page, "OK")
    local c = s.conversation(page.cid)
    assert.matches("after the wait", c:wreck().error)
    assert.equal("a handler that waited", c:wreck().where)
    assert.equal(1, c:inspect().tasks) -- it waits again
    assert.equal("look/counter", c:tree("wreck").type)
    assert.equal(0, c:tree("wreck").tasks)
  end)

  it("can be forked, to go on from there elsewhere", function()
    local page = visit(Counter)
    quietly(page.post, page, { event = "fail" })
    local f = s.conversation(page.cid):fork "wreck"
    while drive.poll() > 0 do end
    assert.equal(99, f:state().n)
    assert.equal(0, s.conversation(page.cid):state().n)
  end)

  it("says why there is none of a state that cannot be saved", function()
    local page = visit(Counter)
    quietly(page.post, page, { event = "keep" })
    local c = s.conversation(page.cid)
    assert.matches("self.file", c:wreck().unkept)
    local ok, e = pcall(function() c:state(nil, "wreck") end)
    assert.is_false(ok)
    assert.matches("could not be kept", e)
  end)

  it("of a turn without a visitor says what caused it", function()
    local page = visit(component {
      init = {}, render = function() return { "p" } end,
      on = { go = function() s.after(1, "bang") end, bang = function() error "late" end },
    })
    page:post { event = "go" }
    quietly(drive.advance, 2)
    assert.equal("a timer", s.conversation(page.cid):wreck().event)
  end)

  it("is kept of the newest 32, and of nobody after a restart", function()
    local first = visit(Counter)
    quietly(first.post, first, { event = "fail" })
    local newest
    for _ = 1, 31 do
      newest = visit(Counter)
      quietly(newest.post, newest, { event = "fail" })
    end
    assert.is_table(s.conversation(first.cid):wreck())
    quietly(newest.post, newest, { event = "fail" })
    assert.is_nil(s.conversation(first.cid):wreck())
    assert.is_table(s.conversation(newest.cid):wreck())
    drive.restart()
    assert.is_nil(s.conversation(newest.cid):wreck())
  end)

  it("is a turn that only failed ones have", function()
    local page = visit(Counter)
    local c = s.conversation(page.cid)
    for _, turn in ipairs { "wreck", "wrek", 0, 1.5, 99, true } do
      local ok, e = pcall(function() c:state(nil, turn) end)
      assert.is_false(ok)
      assert.matches("^spec/lua/look_spec.lua:%d+: ", e)
    end
  end)
end)
