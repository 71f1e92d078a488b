-- Conversations as values: played with nobody there, and the same each time.
local define = require "spec.lua.define" "replay"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local Counter = define.component {
  init = function(args) return { n = args.n or 0, note = "" } end,
  render = function(self)
    return { "p", "n ", self.n, { "input", bind = "note" },
      { "button", on_click = "inc", "inc" } }
  end,
  on = {
    inc = function(self, by) self.n = self.n + (by or 1) end,
    fail = function() error "on purpose" end,
    roll = function(self) self.n = math.random(1 << 40) end,
    clock = function(self) self.n = os.time() self.note = os.date "!%Y-%m-%d" end,
    ask = function(self) self.n = self.n + s.await(s.choose("?", { 10, 20 })) end,
    back = function() s.back() end,
    leave = function() s.finish "done" end,
    many = function(self)
      self.list = { 1, 2 }
      s.after(5, "inc", self.list)
      s.publish("replay/news", self.list)
      return { { "execute_script", "alert(1)" }, { "focus", "#x" } }
    end,
  },
}

local function refused(text, f, ...)
  local ok, e = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(e:find(text, 1, true), e)
end

describe("a replay", function()
  it("plays events, from a component or its id, with the methods of conversations (25.1, 25.2)",
    function()
      local c = s.replay(Counter { n = 5 }, { "inc", { "inc", 10 },
        { "inc", 1, signals = { note = "typed" } } })
      assert.same({ n = 17, note = "typed" }, c:state())
      assert.matches("n 17", c:html())
      assert.equal("ix-1", c:tree().iid)
      assert.equal(4, #c:turns())
      assert.is_true(c:back())
      assert.equal(16, c:state().n)
      local fork = c:fork()
      assert.is_true(fork:send "inc")
      assert.equal(17, fork:state().n)
      assert.equal(16, c:state().n)
      assert.not_equal(c, fork)
      assert.is_true(c:compact())
      assert.equal(1, #c:turns())
      c:stop { why = "enough" }
      assert.equal("it is stopped: enough", select(2, c:send "inc"))
      assert.is_true(c:resume())
      assert.is_true(c:close())
      assert.is_true(c:send "inc")
      assert.is_true(c:finish())
      refused("is gone", c.state, c)
    end)

  it("goes through calls, waits and answers; events may be functions of it", function()
    local c = s.replay(Counter, { "ask", function(it)
      return { "choose", 2, to = it:tree().iid }
    end, "inc" })
    assert.equal(21, c:state().n)
  end)

  it("gives the same bytes for the same events, whatever happened since (6.14, 11.6)", function()
    local events = { "roll", "clock", "many", "ask", { "choose", 1 }, "roll", "back", "roll" }
    local function digest(opts) return s.replay(Counter, events, opts):inspect().digest end
    local first = digest()
    drive.advance(5)
    visit(Counter):follow():post { to = "ix-1", event = "roll" }
    assert.equal(first, digest())
    assert.equal(first, digest { seed = 1 })
    assert.not_equal(first, digest { seed = 2 })
    assert.not_equal(first, digest { time = 86400 })
    assert.equal(s.replay(Counter).cid, s.replay(Counter).cid)
  end)

  it("has the clock that it is given, which stands still until it is advanced", function()
    local c = s.replay(Counter, { "clock" }, { time = 86400 * 365 })
    assert.same({ n = 86400 * 365, note = "1971-01-01" }, c:state())
    c:advance(86400)
    c:send "clock"
    assert.equal("1971-01-02", c:state().note)
    c:advance(0)
    refused("seconds are a number", c.advance, c, -1)
    refused("seconds are a number", c.advance, c, "1")
  end)

  it("says what a turn did, as data, and does none of it outside (3.b, 4)", function()
    local heard = visit(define.component {
      init = { n = 0 },
      start = function() s.subscribe("replay/news", "hear") end,
      render = function(self) return { "p", "heard ", self.n } end,
      on = { hear = function(self) self.n = self.n + 1 end },
    }):follow()
    local c = s.replay(Counter, { "many" })
    local many = { { "after", 5, "inc", { 1, 2 } }, { "publish", "replay/news", { 1, 2 } },
      { "execute_script", "alert(1)" }, { "focus", "#x" } }
    assert.same(many, c:effects())
    assert.matches("heard 0", heard:text())
    c:advance(5)
    assert.matches("arithmetic", c:wreck().error)
    c:effects()[1][4][1] = "changed"
    assert.same(many, c:effects(2))
    assert.same({}, c:effects(1))
    refused("no turn 9", c.effects, c, 9)
    c:send "leave"
    assert.same({ { "finish", "done" } }, c:effects())
  end)

  it("tells what a flow waited for and answered, and functions for workers", function()
    local function double(n) return n * 2 end
    local c = s.replay(define.flow(function()
      s.sleep(60)
      return s.await(s.choose("?", { "a" }))
    end))
    assert.same({ { "sleep", 60 } }, c:effects())
    c:advance(60)
    assert.equal("await", c:effects()[1][1])
    c:send { "choose", 1 }
    assert.same({ { "answer", "a" }, { "answer", "a" } }, c:effects())
    local io = s.replay(define.flow(function() return s.io(double, 21) end))
    assert.equal("io", io:effects()[1][1])
    assert.equal(21, io:effects()[1][3])
    io:advance(1000)
    assert.equal(1, io:tree().tasks)
  end)

  it("has atoms of its own, which begin as code says, and topics of its own", function()
    local atom = s.atom("replay/count", { n = 7 })
    local Both = define.component {
      start = function(self) self.heard = 0 s.subscribe("replay/own", "hear") end,
      render = function() return { "p", "n ", atom:get().n } end,
      on = {
        add = function()
          atom:update(function(v) v.n = v.n + 1 end)
          s.publish("replay/own", "x")
        end,
        hear = function(self) self.heard = self.heard + 1 end,
      },
    }
    atom:set { n = 100 }
    while drive.poll() > 0 do end
    local c = s.replay(Both, { "add", "add" })
    assert.matches("n 9", c:html())
    assert.equal(2, c:state().heard)
    assert.equal(100, atom:get().n)
    assert.matches("n 8", s.replay(Both, { "add" }):html())
  end)

  it("has the context and principal that it is given (16.5)", function()
    local c = s.replay(define.component {
      render = function() return { "p", s.context().lang, " ", s.principal() } end,
    }, nil, { context = { lang = "de" }, principal = "ada" })
    assert.matches("de ada", c:html())
  end)

  it("raises what its first turn, or an event of its list, raised", function()
    refused("replay: event 2: ", s.replay, Counter, { "inc", "fail" })
    refused("on purpose", s.replay, Counter, { "fail" })
    refused('has no event "ink"; did you mean "inc"?', s.replay, Counter, { "ink" })
    refused("not today", s.replay, define.component {
      init = function() error "not today" end, render = function() return {} end,
    })
    refused("ended as soon as it began", s.replay, define.flow(function() return 1 end))
    local c = s.replay(Counter, { "inc" })
    local ok, why = c:send "fail"
    assert.is_nil(ok)
    assert.matches("on purpose", why)
    assert.matches("on purpose", c:wreck().error)
    assert.equal(1, c:state().n)
  end)

  it("refuses wrong arguments in its caller's name, and to be begun in a turn", function()
    refused("a table is not an embed", s.replay, {})
    refused("spec/lua/replay_spec.lua", function() s.replay {} end)
    refused('no component', s.replay, "replay/none")
    refused("its events must be a table", s.replay, Counter, 3)
    refused('there is no key "sed"', s.replay, Counter, nil, { sed = 1 })
    refused("seed is a whole number", s.replay, Counter, nil, { seed = 1.5 })
    refused("time is a whole number", s.replay, Counter, nil, { time = -1 })
    refused("of a conversation that people have", function()
      s.conversation(visit(Counter):follow().cid):advance(1)
    end)
    refused("kept of replays only", function()
      s.conversation(visit(Counter):follow().cid):effects()
    end)
    local page = visit(define.component {
      render = function(self) return { "p", self.said or "" } end,
      on = { go = function(self)
        local _, e = pcall(s.replay, Counter)
        self.said = e
      end },
    })
    page:post { to = "ix-1", event = "go" }
    assert.matches("replay cannot be used inside a turn", page:text())
  end)

  it("is nobody's: the app's conversations know nothing of it (25.3)", function()
    local page = visit(Counter):follow()
    page:post { to = "ix-1", event = "inc" }
    for _ = 1, 50 do s.replay(Counter, { "inc", "ask" }) end
    local c = s.replay(Counter)
    assert.equal(0, c:state().n)
    assert.matches("n 1", page:text())
    assert.is_nil(s.conversation(c.cid))
  end)

  it("does not rest for ever when its own timers never do", function()
    local c = s.replay(define.component {
      init = { n = 0 },
      render = function(self) return { "p", self.n } end,
      on = { go = function(self) self.n = self.n + 1 s.after(0.01, "go") end },
    }, { "go" })
    c:advance(1)
    assert.equal(101, c:state().n)
    refused("does not come to rest", c.advance, c, 10000)
  end)
end)
