-- What is done to a conversation from outside: events, turns, stopping, closing.
local define = require "spec.lua.define" "deed"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local component = define.component

--- Everything that is under way is kept.
local function keep() while drive.poll() > 0 do end end

--- A visitor of a counter, whose conversation is saved.
local Counter = s.component("deed/counter", {
  init = { n = 0, note = "", at = { street = "" } },
  render = function(self)
    return { "section", { "b", "n ", self.n }, { "input", bind = "note" },
      { "input", bind = "at.street" }, { "button", on_click = "inc", "inc" },
      s.slot "editor" }
  end,
  on = {
    inc = function(self, by) self.n = self.n + (by or 1) end,
    fail = function(self) self.n = 99 error "on purpose" end,
    seen = function(self, value, ev)
      self.seen = { value = value, signals = ev.signals, form = ev.form }
    end,
    edit = function() s.call(s.prompt "?", nil, { slot = "editor" }) end,
    tick = function(self) self.ticks = (self.ticks or 0) + 1 end,
    later = function() s.after(5, "tick") end,
    listen = function() s.subscribe("deed/news", "tick") end,
  },
})

local function saved(embed)
  local page = visit(embed or Counter)
  drive.promote(page.cid)
  keep()
  return page, s.conversation(page.cid)
end

local function quietly(f, ...)
  drive.log(false)
  local result = table.pack(f(...))
  drive.log(true)
  return table.unpack(result, 1, result.n)
end

--- Calls it; what it raises names this file and line, and has the text.
local function refused(f, text)
  local ok, e = pcall(f)
  assert.is_false(ok)
  assert.matches("^spec/lua/deed_spec.lua:%d+: ", e)
  assert.truthy(e:find(text, 1, true), e)
end

describe("send", function()
  it("brings an event as a click would: name, value, signals, form, target " ..
    "(3.4, 13.2, 25.2, B:run-turn)",
    function()
      local page, c = saved()
      assert.is_true(c:send "inc")
      keep()
      assert.is_true(c:send { "inc", 5 })
      keep()
      assert.equal(6, c:state().n)
      c:send { "seen", 3, signals = { note = "milk", ["at.street"] = "x", ["$zoom"] = 2 } }
      keep()
      local state = c:state()
      assert.equal("milk", state.note)
      assert.equal("x", state.at.street)
      assert.equal(3, state.seen.value)
      assert.equal(2, state.seen.signals.zoom)
      c:send { "seen", form = { note = "honey" } }
      keep()
      assert.same({ note = "honey" }, c:state().seen.form)
      assert.same({ note = "honey" }, c:state().seen.value)
      assert.equal("honey", c:state().note)
      c:send "edit"
      keep()
      assert.is_true(c:send { "ok", to = "editor", signals = { value = "y" } })
      keep()
      assert.is_nil(c:tree()[1])
      assert.matches("n 6", page:html())
    end)

  it("goes to the frame that shows, and that need not have offered it", function()
    local _, c = saved(component {
      start = function() s.call(s.confirm "?") end,
      render = function() return { "p" } end,
    })
    assert.equal("ui/confirm", c:tree().type)
    assert.is_true(c:send "yes")
  end)

  it("says why not, and nothing has run then", function()
    local _, c = saved()
    local function refuses(event, why)
      local ok, e = quietly(c.send, c, event)
      keep()
      assert.is_nil(ok)
      assert.truthy(e:find(why, 1, true), e)
    end
    refuses("icn", '"deed/counter" has no event "icn"; did you mean "inc"?')
    refuses({ "inc", to = "ix-99" }, "there is nothing here")
    refuses({ "inc", to = "nowhere" }, "there is nothing here")
    refuses("fail", "on purpose")
    assert.equal(0, c:state().n)
    c:finish()
    keep()
    refused(function() c:send "inc" end, "is gone")
  end)

  it("refuses what is no event, at the line that called it", function()
    local _, c = saved()
    for _, wrong in ipairs { true, 3, {}, { 1 }, { "" }, { ("x"):rep(65) },
      { "inc", signals = 1 }, { "inc", form = "x" }, { "inc", print },
      { "inc", signals = { ["a b"] = 1 } }, { "inc", to = {} } } do
      refused(function() c:send(wrong) end, "")
    end
    refused(function() c:send() end, 'an event is "name"')
    refused(function() c.send({}, "inc") end, "called on no conversation")
  end)

  it("waits behind a turn whose commit is under way", function()
    local _, c = saved()
    drive.hold(true)
    assert.is_true(c:send "inc")
    assert.is_true(c:send "inc")
    assert.equal(0, c:state().n)
    drive.hold(false)
    keep()
    assert.equal(2, c:state().n)
  end)

  it("cannot be used inside a turn", function()
    local _, c = saved()
    local said
    local page = visit(component {
      render = function() return { "button", on_click = "go", "go" } end,
      on = { go = function()
        said = { pcall(c.send, c, "inc") }
        said[3] = select(2, pcall(c.finish, c))
      end },
    })
    page:click "go"
    assert.matches("send of another conversation cannot be used inside a turn", said[2])
    assert.matches("finish of another conversation", said[3])
  end)
end)

describe("send_async", function()
  it("has the turn's number at once, and what came of it once it is kept (B:async)",
    function()
      local _, c = saved()
      local before = c:inspect().turn
      drive.hold(true)
      local t = c:send_async "inc"
      assert.same({ turn = before + 1, done = false }, t)
      drive.settle(true)
      drive.poll()
      assert.same({ turn = before + 1, done = true, ok = true }, t)
      assert.equal(1, c:state().n)
      drive.hold(false)
    end)

  it("tells of a turn that failed, and of a commit that did (B:status)", function()
    local _, c = saved()
    local t = quietly(c.send_async, c, "fail")
    keep()
    assert.is_true(t.done)
    assert.is_false(t.ok)
    assert.matches("on purpose", t.why)
    drive.hold(true)
    t = c:send_async "inc"
    drive.settle(false)
    quietly(drive.poll)
    drive.hold(false)
    assert.is_false(t.ok)
    assert.equal("this cannot be done just now", t.why)
    assert.equal(0, c:state().n)
  end)

  it("that waits behind another has no number yet, and is done in its turn", function()
    local _, c = saved()
    drive.hold(true)
    c:send "inc"
    local t = c:send_async "inc"
    assert.same({ done = false }, t)
    drive.hold(false)
    keep()
    assert.same({ done = true, ok = true }, t)
    assert.equal(2, c:state().n)
  end)

  it("is done when the conversation is free again: the next turn can begin (B:async)",
    function()
      local _, c = saved()
      drive.hold(true)
      local t = c:send_async "inc"
      drive.settle(true)
      drive.poll()
      assert.is_true(t.done)
      assert.equal(t.turn + 1, c:send_async "inc".turn) -- it need not wait
      drive.hold(false)
      keep()
      assert.equal(2, c:state().n)
    end)
end)

describe("compact", function()
  it("keeps so many states to return to, and none to go forward to", function()
    local page, c = saved()
    for _ = 1, 8 do page:click "inc" end
    c:back()
    keep()
    assert.equal(9, #c:turns())
    assert.is_true(c:compact(3))
    keep()
    local turns = c:turns()
    assert.equal(4, #turns)
    assert.is_true(turns[4].now)
    assert.equal(7, c:state().n)
    assert.equal(4, c:state(nil, turns[1].turn).n)
    c:back(turns[1].turn)
    keep()
    assert.equal(4, c:state().n)
  end)

  it("without a number lets go of all of it, rows of the store too (10.9)", function()
    local page, c = saved()
    for _ = 1, 100 do page:click "inc" end
    local before = c:inspect().bytes
    assert.is_true(c:compact())
    keep()
    assert.equal(1, #c:turns())
    assert.is_true(c:inspect().bytes < before / 2)
    assert.equal(100, c:state().n)
    local ok, why = c:back()
    assert.is_nil(ok)
    assert.equal("that turn is not kept", why)
    page:click "inc"
    assert.equal(2, #c:turns())
  end)

  it("is all or nothing: when its commit fails, the past is there (B:compact)", function()
    local page, c = saved()
    for _ = 1, 50 do page:click "inc" end
    drive.hold(true)
    local posted = c:compact()
    drive.settle(false)
    quietly(drive.poll)
    drive.hold(false)
    assert.is_true(posted)
    assert.equal(51, #c:turns())
    c:back(c:turns()[1].turn)
    keep()
    assert.equal(0, c:state().n)
  end)

  it("wants a number of turns", function()
    local _, c = saved()
    for _, wrong in ipairs { -1, 1001, 1.5, "x", {} } do
      refused(function() c:compact(wrong) end, "compact wants a number of turns")
    end
  end)
end)

describe("finish", function()
  it("runs stop hooks, tells the page, and leaves nothing in the store (20.5)", function()
    local stopped = 0
    local page, c = saved(component {
      render = function() return { "p" } end,
      stop = function() stopped = stopped + 1 end,
    })
    drive.take()
    assert.is_true(c:finish())
    keep()
    local sent = drive.take()
    assert.equal(1, stopped)
    assert.equal("close", sent[#sent].kind)
    assert.equal("gone", sent[#sent].body) -- which the page says
    assert.is_false(drive.alive(page.cid))
    assert.is_nil(s.conversation(page.cid))
  end)
end)

describe("stop", function()
  it("ends what is under way, refuses what follows, and tells the page (26, B:stop)",
    function()
      local page, c = saved()
      drive.hold(true)
      drive.take()
      local under_way = drive.post(page.cid, { event = "inc" })
      local behind = drive.post(page.cid, { event = "inc" })
      assert.is_true(c:stop { why = "for repair" })
      local after = drive.post(page.cid, { event = "inc" })
      assert.equal("ERR_GONE", after.result) -- before anything else is looked at
      drive.hold(false)
      keep()
      assert.equal("OK", under_way.result)
      assert.equal("ERR_GONE", behind.result)
      local sent = drive.take()
      assert.equal("close", sent[#sent].kind)
      assert.equal("stopped for repair", sent[#sent].body)
      assert.equal(1, c:state().n)
      local i = c:inspect()
      assert.equal("stopped", i.status)
      assert.equal("for repair", i.why)
      local ok, why = c:send "inc"
      assert.is_nil(ok)
      assert.equal("it is stopped: for repair", why)
    end)

  it("may be said again, and outlives the process", function()
    local page, c = saved()
    c:stop { why = "one" }
    c:stop { why = "two" }
    keep()
    c:stop { why = "three" }
    keep()
    drive.restart()
    assert.equal("one", c:inspect().why)
    assert.equal("ERR_GONE", page:post { event = "inc" })
    drive.restart()
    assert.is_true(c:resume())
    keep()
    assert.equal("live", c:inspect().status)
    assert.equal("OK", page:post { event = "inc" })
    assert.equal(1, c:state().n)
  end)

  it("lets nothing happen by itself until it goes on; what is overdue comes once",
    function()
      local page, c = saved()
      local due = drive.rows "due"
      page:post { event = "later" }
      page:post { event = "listen" }
      assert.equal(due + 1, drive.rows "due")
      c:stop()
      keep()
      assert.equal(due, drive.rows "due")
      local _, other = saved(component {
        render = function() return { "p" } end,
        on = { say = function() s.publish("deed/news", 1) end },
      })
      other:send "say"
      drive.advance(60)
      drive.restart()
      drive.advance(60)
      assert.is_nil(c:state().ticks)
      assert.is_true(c:resume())
      drive.advance(0)
      assert.equal(2, c:state().ticks)
      drive.advance(60)
      assert.equal(2, c:state().ticks)
    end)

  it("owes nobody a turn, so that what it may not hear keeps no loop busy", function()
    local shared = s.atom("deed/shared", 1)
    drive.collect()
    local page, c = saved(component {
      render = function() return { "p", "it is ", shared:get() } end,
    })
    drive.follow(page.cid, true)
    c:stop()
    keep()
    local _, other = saved(component {
      render = function() return { "p" } end,
      on = { set = function() shared:update(function() return 2 end) end },
    })
    other:send "set"
    drive.advance(1) -- raises when it does not come to rest
    assert.matches("it is 1", page.first)
    c:resume()
    drive.advance(0)
    assert.matches("it is 2", page:html())
  end)

  it("that cannot be kept has not been, and the page goes on", function()
    local page, c = saved()
    drive.hold(true)
    c:stop()
    drive.settle(false)
    quietly(drive.poll)
    drive.hold(false)
    assert.equal("live", c:inspect().status)
    assert.equal("OK", page:post { event = "inc" })
  end)

  it("asked for during a commit that fails stops it all the same", function()
    local page, c = saved()
    drive.hold(true)
    drive.post(page.cid, { event = "inc" })
    c:stop()
    drive.settle(false)
    quietly(drive.poll)
    drive.hold(false)
    keep()
    assert.equal("stopped", c:inspect().status)
    assert.equal(0, c:state().n)
    assert.equal("ERR_GONE", page:post { event = "inc" })
  end)

  it("can be taken back before it is kept", function()
    local page, c = saved()
    drive.hold(true)
    c:stop()
    assert.is_true(c:resume())
    drive.hold(false)
    keep()
    assert.equal("live", c:inspect().status)
    assert.equal("OK", page:post { event = "inc" })
  end)

  it("takes a reason, and nothing else", function()
    local _, c = saved()
    refused(function() c:stop { wyh = "x" } end, 'did you mean "why"')
    refused(function() c:stop(3) end, "options must be a table")
    refused(function() c:stop { why = ("x"):rep(201) } end, "200 bytes at most")
  end)

  it("does not keep it from being finished, or looked at", function()
    local page, c = saved()
    c:stop()
    keep()
    assert.equal(0, c:state().n)
    assert.matches("n 0", c:html())
    assert.is_true(c:finish())
    keep()
    assert.is_false(drive.alive(page.cid))
  end)
end)

describe("close and resume", function()
  it("take it out of memory and back: the same ids, and nothing starts twice (B:close-resume)",
    function()
      local started = 0
      local Kid = component { render = function() return { "i", "kid" } end,
        start = function() started = started + 1 end }
      local page, c = saved(component {
        children = { a = Kid, b = Kid },
        start = function() started = started + 1 end,
        render = function() return { "p", s.slot "a", s.slot "b" } end,
      })
      assert.equal(3, started)
      local before, tree = page:html(), c:tree()
      local n = drive.stats().conversations
      assert.is_true(c:close())
      assert.equal(n - 1, drive.stats().conversations)
      assert.is_true(c:resume())
      assert.equal(before, page:html())
      assert.same(tree, c:tree())
      assert.equal(3, started)
    end)

  it("close says what keeps it in memory", function()
    local page = visit(Counter)
    local c = s.conversation(page.cid)
    assert.same({ nil, "nobody has come to it yet" }, { c:close() })
    drive.promote(page.cid)
    assert.same({ nil, "what it did is just being kept" }, { c:close() })
    keep()
    drive.follow(page.cid, true)
    assert.same({ nil, "a page of it is open" }, { c:close() })
    drive.follow(page.cid, false)
    assert.is_true(c:close())
    assert.is_true(c:close())
  end)

  it("resume says when it cannot be read, or is gone", function()
    local _, c = saved(s.flow("deed/lost", {}, function() s.await(s.info "x") end))
    assert.is_true(c:resume())
    c:finish()
    keep()
    refused(function() c:resume() end, "is gone")
    refused(function() c:close() end, "is gone")
  end)
end)

describe("the gate", function()
  after_each(function() drive.event_rate(0) end)

  it("asks whether it is stopped, then for limits, then for the turn (B:gate)", function()
    local page, c = saved()
    drive.event_rate(1)
    for _ = 1, 5 do assert.equal("OK", page:post { event = "inc" }) end
    assert.equal("ERR_TOO_MANY", page:post { event = "inc" })
    drive.hold(true)
    local waits = drive.post(page.cid, { event = "inc" }) -- the rate, not the queue
    assert.equal("ERR_TOO_MANY", waits.result)
    drive.hold(false)
    c:stop()
    keep()
    assert.equal("ERR_GONE", page:post { event = "inc" })
    assert.equal(5, c:state().n)
  end)

  it("lets as many through as the rate says, and what leaks away (B:max-turns)", function()
    local page, c = saved()
    drive.event_rate(10)
    local n = 0
    while page:post { event = "inc" } == "OK" do n = n + 1 end
    assert.equal(50, n)
    drive.advance(1)
    n = 0
    while page:post { event = "inc" } == "OK" do n = n + 1 end
    assert.equal(10, n)
    assert.equal(60, c:state().n)
    assert.matches("n 60", page:html()) -- who only looks is let in
  end)

  it("closes for a while after two turns that took too much (S17)", function()
    local Loops = component {
      init = { n = 0 },
      render = function(self) return { "p", self.n } end,
      on = { loop = function() while true do end end,
        inc = function(self) self.n = self.n + 1 end },
    }
    local page = saved(Loops)
    drive.budget(20)
    quietly(page.post, page, { event = "loop" })
    assert.equal("OK", page:post { event = "inc" })
    quietly(page.post, page, { event = "loop" })
    assert.equal("ERR_TOO_MANY", page:post { event = "inc" })
    drive.advance(9)
    assert.equal("ERR_TOO_MANY", page:post { event = "inc" })
    drive.advance(1)
    assert.equal("OK", page:post { event = "inc" })
    quietly(page.post, page, { event = "loop" })
    drive.advance(61)
    quietly(page.post, page, { event = "loop" }) -- not within a minute
    assert.equal("OK", page:post { event = "inc" })
    drive.budget()
  end)
end)
