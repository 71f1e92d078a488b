-- Messages: each receiver hears each one once, in order, through failures, sleep and
-- restarts. The specs own the clock.
local define = require "spec.lua.define" "topic"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local component = define.component

--- What is static must be made by a load: specs keep their traces here.
local trace = {}

local function write(text) trace[#trace + 1] = text end

local Ear = s.component("spec/ear", {
  init = { heard = "" },
  render = function(self) return { "p", "heard", self.heard } end,
  start = function(self) s.subscribe(self.topic or "news", "news") end,
  on = {
    news = function(self, value, ev)
      self.heard = self.heard .. " " .. tostring(value)
      write(s.conversation_id() .. " " .. tostring(value))
      if value == "fail" then error "no" end
      self.topic_heard = ev.topic
    end,
    gap = function(self) self.heard = self.heard .. " gap" end,
    again = function() s.subscribe("news", "other") end,
    other = function(self, value) self.heard = self.heard .. " other" .. value end,
    leave = function(_, topic) s.unsubscribe(topic) end,
    more = function(_, topic) s.subscribe(topic, "news") end,
    back = function() s.back() end,
  },
})

local Mouth = s.component("spec/mouth", {
  init = {},
  render = function(self)
    if self.bad then error "cannot be drawn" end
    return { "p", "mouth" }
  end,
  on = {
    say = function(self, v) s.publish(self.topic or "news", v) end,
    many = function(self, n)
      for i = 1, n do s.publish(self.topic or "news", i) end
    end,
    fail = function(_, v) s.publish("news", v); error "no" end,
    undrawn = function(self, v) s.publish("news", v); self.bad = true end,
    fail_later = function()
      s.publish("news", "before")
      s.sleep(1)
      s.publish("news", "after")
      error "no"
    end,
    both = function() s.publish("news", 1); s.publish("olds", 2); s.publish("news", 3) end,
  },
})

before_each(function()
  drive.restart(false)
  drive.collect()
  drive.advance(0)
  trace = {}
end)

local function heard(page) return page:html():match "heard([^<]*)<" end

describe("publish", function()
  it("reaches who subscribes, in order, a turn each, and nobody else (15.3, 15.8)", function()
    local mouth = visit(Mouth):follow()
    local a, b = visit(Ear):follow(), visit(Ear):follow()
    local c = visit(Ear { topic = "olds" }):follow()
    local turns = drive.stats().turns
    mouth:post { event = "both" }
    mouth:advance(0)
    assert.equal(turns + 1 + 5, drive.stats().turns)
    assert.equal(" 1 3", heard(a))
    assert.equal(" 1 3", heard(b))
    assert.equal(" 2", heard(c))
    assert.is_nil(drive.due())
  end)

  it("brings what was published after the subscription only", function()
    local mouth = visit(Mouth):follow()
    mouth:post { event = "say", value = "early" }
    local ear = visit(Ear):follow()
    mouth:post { event = "say", value = "late" }
    mouth:advance(0)
    assert.equal(" late", heard(ear))
  end)

  it("carries plain values, a copy for each", function()
    local Keeper = component {
      init = {},
      render = function(self) return { "p", "kept ", self.m and self.m.list[1] } end,
      start = function() s.subscribe("things", "thing") end,
      on = { thing = function(self, m)
        assert(m.list == m.same, "shared parts stay shared")
        m.list[1] = m.list[1] + 1
        self.m = m
      end },
    }
    local mouth = visit(Mouth { topic = "things" }):follow()
    local a, b = visit(Keeper):follow(), visit(Keeper):follow()
    mouth:post { event = "say", value = (function()
      local list = { 7 }
      return { list = list, same = list }
    end)() }
    mouth:advance(0)
    assert.matches("kept 8", a:html())
    assert.matches("kept 8", b:html())
  end)

  it("says nothing when its turn fails, and nothing more than its turn did", function()
    local mouth, ear = visit(Mouth):follow(), visit(Ear):follow()
    drive.log(false)
    mouth:post { event = "fail", value = "x" }
    mouth:post { event = "undrawn", value = "x" }
    mouth:advance(0)
    assert.equal("", heard(ear))
    mouth:post { event = "fail_later" }
    mouth:advance(2)
    drive.log(true)
    assert.equal(" before", heard(ear))
  end)

  it("says nothing when its commit fails, and goes on after it", function()
    local mouth, ear = visit(Mouth):follow(), visit(Ear):follow()
    drive.log(false)
    drive.hold(true)
    drive.post(mouth.cid, { event = "say", value = "lost" })
    drive.settle(false)
    drive.poll()
    drive.hold(false)
    drive.log(true)
    mouth:advance(0)
    assert.equal("", heard(ear))
    mouth:post { event = "say", value = "kept" }
    mouth:advance(0)
    assert.equal(" kept", heard(ear))
    drive.restart()
    mouth:post { event = "say", value = "more" }
    mouth:advance(0)
    assert.equal(" kept more", heard(ear))
  end)

  it("is visible to nobody before its commit", function()
    local mouth, ear = visit(Mouth):follow(), visit(Ear):follow()
    drive.hold(true)
    drive.post(mouth.cid, { event = "say", value = "soon" })
    drive.advance(1)
    assert.equal("", heard(ear))
    drive.settle(true)
    drive.poll()
    drive.hold(false)
    drive.advance(0)
    assert.equal(" soon", heard(ear))
  end)

  it("in a boot saves the conversation at once, and reaches others", function()
    local ear = visit(Ear):follow()
    local Loud = component {
      init = {},
      render = function() return { "p", "loud" } end,
      start = function() s.publish("news", "born") end,
    }
    local loud = visit(Loud)
    drive.advance(0)
    assert.equal(" born", heard(ear))
    drive.restart()
    assert.is_true(drive.alive(loud.cid))
    local brief = define.flow(function() s.publish("news", "brief") end)
    assert.is_nil(visit(brief).cid)
    drive.advance(0)
    assert.equal(" born brief", heard(ear))
  end)

  it("in boots is for 1,000 conversations a minute", function()
    local Loud = component {
      render = function() return { "p", "loud" } end,
      start = function() s.publish("news", 1) end,
    }
    drive.skip(60)
    local n = 0
    for _ = 1, 1000 do
      if visit(Loud).cid then n = n + 1 end
      drive.poll()
    end
    assert.equal(1000, n)
    drive.log(false)
    local page = visit(Loud)
    drive.log(true)
    assert.is_nil(page.cid)
    assert.matches("publish: over 1000 conversations", page.first)
    drive.skip(60)
    assert.is_string(visit(Loud).cid)
  end)

  local wrong = {
    { "a topic that is no text", function() s.publish(1, 2) end,
      "publish: a topic is a string, not a number" },
    { "an empty topic", function() s.publish("", 2) end, "has 1 to 200 bytes" },
    { "a long topic", function() s.publish(("x"):rep(201), 2) end,
      "has 1 to 200 bytes" },
    { "a topic with a zero byte", function() s.publish("a\0b", 2) end,
      "no zero byte" },
    { "a function in the message", function() s.publish("x", { f = print }) end,
      "publish: plain values are wanted, and the message.f is a function" },
    { "a coroutine in the message",
      function() s.publish("x", { a = { coroutine.create(print) } }) end,
      "the message.a.1 is a thread" },
    { "a file in the message",
      function() s.publish("x", { f = io.open("/dev/null") }) end,
      "plain values are wanted, and the message.f is a userdata" },
    { "a message too long", function() s.publish("x", ("x"):rep(17000)) end,
      "publish: the message has over 16384 bytes" },
    { "more than 100 messages",
      function() for i = 1, 101 do s.publish("x", i) end end,
      "publish: over 100 messages in one turn" },
    { "a subscription without an event", function() s.subscribe("x") end,
      "subscribe: an event's name must be a string" },
    { "a subscription to an event that is not there",
      function() s.subscribe("x", "goo") end,
      'subscribe: "spec/topic%d+" has no event "goo"; did you mean "go"' },
    { "more than 64 subscriptions",
      function() for i = 1, 65 do s.subscribe("t" .. i, "go") end end,
      "subscribe: a conversation may hold 64 subscriptions" },
    { "data that is wrong", function() return { "publish", {} } end,
      "publish: a topic is a string" },
    { "a receive as data", function() return { "receive", "x" } end,
      "is no effect" },
    { "a receive of nothing", function() s.receive() end,
      "s.receive: a topic is a string, not a nil" },
    { "a timeout that is no number", function() s.receive("x", {}) end,
      "s.receive: the timeout: a number of seconds is wanted, not a table" },
  }
  for _, case in ipairs(wrong) do
    it("refuses " .. case[1], function()
      local page = visit(component {
        render = function() return { "p", "x" } end,
        on = { go = case[2] },
      })
      drive.log(false)
      local result, sent = page:post { event = "go" }
      drive.log(true)
      assert.equal("ERR_APP", result)
      local text = sent[1].body:gsub("&quot;", '"'):gsub("&#39;", "'")
      assert.matches(case[3], text)
    end)
  end
end)

describe("a subscription", function()
  it("of the same instance to the same topic replaces the event (15.2)", function()
    local mouth, ear = visit(Mouth):follow(), visit(Ear):follow()
    ear:post { event = "again" }
    mouth:post { event = "say", value = "x" }
    mouth:advance(0)
    assert.equal(" otherx", heard(ear))
  end)

  it("ends with unsubscribe, for one topic or all", function()
    local mouth, ear = visit(Mouth):follow(), visit(Ear):follow()
    local olds = visit(Mouth { topic = "olds" }):follow()
    ear:post { event = "more", value = "olds" }
    ear:post { event = "leave", value = "news" }
    mouth:post { event = "say", value = 1 }
    olds:post { event = "say", value = 2 }
    mouth:advance(0)
    assert.equal(" 2", heard(ear))
    ear:post { event = "more", value = "news" }
    ear:post { event = "leave" }
    mouth:post { event = "say", value = 3 }
    olds:post { event = "say", value = 4 }
    mouth:advance(0)
    assert.equal(" 2", heard(ear))
  end)

  it("comes back when the turn that ended it fails, with what it missed", function()
    local Fickle = component {
      init = { heard = "" },
      render = function(self) return { "p", "heard", self.heard } end,
      start = function() s.subscribe("news", "news") end,
      on = {
        news = function(self, v)
          self.heard = self.heard .. " " .. v
          if v == 1 then s.unsubscribe() end
          if v == 1 then s.after(1, "news", "no") end
          if v == 1 then error "no" end
        end,
      },
    }
    local mouth, ear = visit(Mouth):follow(), visit(Fickle):follow()
    drive.log(false)
    mouth:post { event = "many", value = 3 }
    mouth:advance(5)
    drive.log(true)
    assert.equal(" 2 3", heard(ear))
  end)

  it("ends with its instance (15.5)", function()
    local mouth = visit(Mouth):follow()
    local page = visit(component {
      init = { has = true },
      children = function(self) return { a = self.has and Ear or nil } end,
      render = function() return { "div", s.slot "a" } end,
      on = { drop = function(self) self.has = false end },
    }):follow()
    page:post { event = "drop" }
    mouth:post { event = "say", value = 1 }
    mouth:advance(0)
    assert.same({}, trace)
  end)

  it("is armed with the promotion, and hears what came since the boot", function()
    local mouth = visit(Mouth):follow()
    local ear = visit(Ear)
    mouth:post { event = "say", value = 1 }
    mouth:advance(0)
    assert.same({}, trace)
    ear:follow()
    ear:advance(0)
    assert.equal(" 1", heard(ear))
  end)
end)

describe("a fork", function()
  it("hears what is published after it was opened", function()
    local mouth, ear = visit(Mouth):follow(), visit(Ear):follow()
    mouth:post { event = "say", value = 1 }
    mouth:advance(0)
    local fork = setmetatable({ cid = s.conversation(ear.cid):fork().cid },
      getmetatable(ear))
    mouth:post { event = "say", value = 2 }
    mouth:advance(0)
    assert.equal(" 1", heard(fork))
    fork:post { event = "-" }
    mouth:post { event = "say", value = 3 }
    mouth:advance(0)
    assert.equal(" 1 3", heard(fork))
    assert.equal(" 1 2 3", heard(ear))
  end)
end)

describe("going back", function()
  it("brings no message twice, and none that came without a subscription (10.10)",
    function()
      local mouth, ear = visit(Mouth):follow(), visit(Ear):follow()
      ear:post { event = "more", value = "else" } -- a point to go back to
      mouth:post { event = "say", value = 1 }
      mouth:advance(0)
      ear:post { event = "leave", value = "news" }
      mouth:post { event = "say", value = 2 }
      mouth:advance(0)
      ear:post { event = "back" } -- it subscribes again
      mouth:advance(0)
      assert.equal(" 1", heard(ear))
      mouth:post { event = "say", value = 3 }
      mouth:advance(0)
      assert.equal(" 1 3", heard(ear))
      ear:post { event = "back" } -- to before it had heard anything
      mouth:advance(0)
      assert.equal("", heard(ear))
      mouth:post { event = "say", value = 4 }
      mouth:advance(0)
      assert.equal(" 4", heard(ear))
      ear:post { event = "more", value = "more" }
      mouth:post { event = "say", value = 5 }
      ear:post { event = "back" } -- before it could hear that
      mouth:advance(0)
      assert.equal(" 4 5", heard(ear))
    end)
end)

describe("a message whose turn fails", function()
  it("is not brought again, and the next one is", function()
    local mouth, ear = visit(Mouth):follow(), visit(Ear):follow()
    drive.log(false)
    mouth:post { event = "say", value = "fail" }
    mouth:advance(0)
    mouth:post { event = "say", value = "fine" }
    mouth:advance(0)
    drive.log(true)
    assert.equal(" fine", heard(ear))
    assert.equal(2, #trace)
    drive.restart()
    drive.advance(0)
    assert.equal(2, #trace)
  end)

  it("is brought again when only its commit failed", function()
    local mouth, ear = visit(Mouth):follow(), visit(Ear):follow()
    mouth:post { event = "say", value = 1 }
    drive.log(false)
    drive.hold(true)
    drive.advance(0)
    assert.equal(1, #trace)
    drive.settle(false)
    drive.poll()
    drive.hold(false)
    drive.log(true)
    assert.equal("", heard(ear))
    drive.advance(0)
    assert.equal(" 1", heard(ear))
    assert.equal(2, #trace)
  end)
end)

describe("receivers that sleep", function()
  local dir = os.tmpname()
  os.remove(dir)
  after_each(function()
    drive.hot()
    drive.restart(false)
    os.execute("rm -rf " .. dir)
  end)

  for _, store in ipairs { "memory", "LMDB" } do
    local function fresh()
      drive.restart(store == "LMDB" and dir)
      drive.collect()
      drive.advance(0)
    end

    it("in the store alone are woken, each once (" .. store .. ")", function()
      fresh()
      local ears = {}
      for i = 1, 150 do ears[i] = visit(Ear):follow() end
      local mouth = visit(Mouth):follow()
      drive.hot(4)
      drive.restart()
      mouth:post { event = "many", value = 2 }
      mouth:advance(0)
      assert.equal(300, #trace)
      local seen = {}
      for _, line in ipairs(trace) do
        local cid, n = line:match "^(%S+) (%d)"
        assert.equal((seen[cid] or 0) + 1, tonumber(n))
        seen[cid] = tonumber(n)
      end
      for _, ear in ipairs(ears) do assert.equal(2, seen[ear.cid]) end
    -- Those whose commit was under way at the end have not gone yet.
      assert.is_true(drive.stats().conversations <= 4 + 16 + 1)
    end)

    it("hear after a crash what they had not (" .. store .. ") (15.6)", function()
      fresh()
      local ears = {}
      for i = 1, 100 do ears[i] = visit(Ear):follow() end
      local mouth = visit(Mouth):follow()
      mouth:post { event = "say", value = "x" }
      drive.tick()
      while drive.poll() > 0 do end
      local before = #trace
      assert.is_true(before > 0 and before < 100)
      drive.restart()
      drive.advance(0)
      assert.equal(100, #trace)
      local seen = {}
      for _, line in ipairs(trace) do
        assert.is_nil(seen[line])
        seen[line] = true
      end
      for _, ear in ipairs(ears) do assert.equal(" x", heard(ear)) end
      drive.restart()
      drive.advance(0)
      assert.equal(100, #trace)
    end)
  end

  it("again hear what came while others were being woken", function()
    local ears = {}
    for i = 1, 150 do ears[i] = visit(Ear):follow() end
    local mouth = visit(Mouth):follow()
    drive.hot(1)
    drive.restart()
    drive.advance(0)
    mouth:post { event = "say", value = 1 }
    while #trace < 50 do
      drive.tick()
      while drive.poll() > 0 do end
    end
    mouth:post { event = "say", value = 2 }
    mouth:advance(0)
    assert.equal(300, #trace)
    for _, ear in ipairs(ears) do assert.equal(" 1 2", heard(ear)) end
  end)

  it("longer than the log get one gap, and what is left of it", function()
    local ear, mouth = visit(Ear):follow(), visit(Mouth):follow()
    drive.restart()
    for _ = 1, 11 do mouth:post { event = "many", value = 100 } end
    drive.advance(0)
    local words = {}
    for word in heard(ear):gmatch "%S+" do words[#words + 1] = word end
    assert.equal("gap", words[1])
    assert.equal(1001, #words)
    assert.equal("1", words[2])
    assert.equal("100", words[1001])
  end)
end)

describe("receive", function()
  local function reader(body, more)
    local definition = {
      init = { heard = "" },
      render = function(self) return { "div", "heard", self.heard, s.slot "q" } end,
      start = body,
    }
    for key, value in pairs(more or {}) do definition[key] = value end
    return component(definition)
  end

  it("gives one message after the other, and loses none between", function()
    local page = visit(reader(function(self)
      for _ = 1, 4 do
        self.heard = self.heard .. " " .. s.receive "news"
        s.sleep(1)
      end
    end)):follow()
    local mouth = visit(Mouth):follow()
    mouth:post { event = "many", value = 3 }
    page:advance(0)
    assert.equal(" 1", heard(page))
    assert.equal(1, drive.due())
    drive.restart()
    page:advance(1)
    assert.equal(" 1 2", heard(page))
    mouth:post { event = "say", value = "late" }
    page:advance(10)
    assert.equal(" 1 2 3 late", heard(page))
    drive.restart()
    mouth:post { event = "say", value = "none" }
    page:advance(10)
    assert.equal(" 1 2 3 late", heard(page))
    assert.is_nil(drive.due())
  end)

  it("gives nil and \"timeout\" when nothing comes", function()
    local page = visit(reader(function(self)
      local message, why = s.receive("news", 5)
      self.heard = (" %s %s"):format(message, why)
      message, why = s.receive("news", 5)
      self.heard = self.heard .. (" %s %s"):format(message, why)
    end)):follow()
    page:advance(5)
    assert.equal(" nil timeout", heard(page))
    visit(Mouth):follow():post { event = "say", value = "x" }
    page:advance(0)
    assert.equal(" nil timeout x nil", heard(page))
    assert.is_nil(drive.due())
  end)

  it("gives nil and \"gap\" when the log did not reach back", function()
    local page = visit(reader(function(self)
      self.heard = " " .. s.receive "news"
      s.sleep(10)
      local message, why = s.receive "news"
      self.heard = self.heard .. (" %s %s"):format(message, why)
      self.heard = self.heard .. " " .. s.receive "news"
    end)):follow()
    local mouth = visit(Mouth):follow()
    mouth:post { event = "say", value = "first" }
    page:advance(0)
    for _ = 1, 11 do mouth:post { event = "many", value = 100 } end
    page:advance(10)
    assert.equal(" first nil gap 1", heard(page))
  end)

  it("ends with the error when the turn that brought a message failed", function()
    local page = visit(reader(function(self)
      local ok, why = pcall(s.receive, "news")
      if ok then error "cannot take it" end
      self.heard = " " .. why
    end)):follow()
    drive.log(false)
    visit(Mouth):follow():post { event = "say", value = "x" }
    page:advance(0)
    drive.log(true)
    assert.matches("cannot take it", heard(page))
  end)

  it("of two tasks of one instance is two receivers", function()
    local page = visit(component {
      init = { heard = "" },
      render = function(self) return { "p", "heard", self.heard } end,
      on = { go = function(self, tag)
        self.heard = self.heard .. tag .. s.receive "news"
      end },
    })
    page:post { event = "go", value = " a" }
    page:post { event = "go", value = " b" }
    visit(Mouth):follow():post { event = "say", value = 1 }
    page:advance(0)
    -- Both read `heard` before they waited, as the manual warns.
    assert.equal(" b1", heard(page))
  end)
end)

describe("send", function()
  local Child = s.component("spec/child", {
    init = { heard = "" },
    render = function(self) return { "p", "child heard", self.heard, "." } end,
    on = {
      tell = function(self, v, ev)
        self.heard = self.heard .. " " .. tostring(v) .. "/" .. tostring(ev.from)
      end,
      up = function(_, v) s.send("parent", "told", v) end,
    },
  })
  local function family(on)
    local events = {
      told = function(self, v) self.told = v; write("told " .. tostring(v)) end,
    }
    for key, f in pairs(on or {}) do events[key] = f end
    return component {
      init = {},
      children = { kid = Child },
      render = function(self)
        if self.bad then error "cannot be drawn" end
        return { "div", "told ", tostring(self.told), s.slot "kid" }
      end,
      on = events,
    }
  end

  it("reaches parent, slot and id, each in a turn of its own, in order (15.9)", function()
    local page = visit(family {
      go = function()
        s.send("kid", "tell", 1)
        s.send("ix-2", "tell", { 2 })
        s.send("kid", "up", "hello")
      end,
    })
    page:post { event = "go" }
    assert.matches("child heard%.", page:html())
    local turns = drive.stats().turns
    page:advance(0)
    assert.equal(turns + 4, drive.stats().turns)
    assert.matches("child heard 1/ix%-1 table: [^/]+/ix%-1%.", page:html())
    assert.matches("told hello", page:html())
  end)

  it("is kept through a restart, and delivered once", function()
    local page = visit(family { go = function() s.send("kid", "tell", 1) end })
    page:post { event = "go" }
    drive.restart()
    drive.advance(0)
    assert.matches("child heard 1/ix%-1%.", page:html())
    drive.restart()
    drive.advance(0)
    assert.matches("child heard 1/ix%-1%.", page:html())
  end)

  it("from a failed turn is not sent; to who fails it is not brought again",
    function()
      local page = visit(family {
        go = function() s.send("kid", "tell", 1); error "no" end,
        undrawn = function(self) s.send("kid", "tell", 3); self.bad = true end,
        bad = function() s.send("ix-1", "worse", 1); s.send("kid", "tell", 2) end,
        worse = function() write "worse"; error "no" end,
      })
      drive.log(false)
      page:post { event = "go" }
      page:post { event = "undrawn" }
      page:advance(0)
      assert.matches("child heard%.", page:html())
      page:post { event = "bad" }
      page:advance(0)
      drive.log(true)
      assert.matches("child heard 2/ix%-1%.", page:html())
      assert.same({ "worse" }, trace)
    end)

  it("to what is gone says nothing", function()
    local page = visit(component {
      init = { has = true },
      children = function(self) return { kid = self.has and Child or nil } end,
      render = function() return { "div", s.slot "kid" } end,
      on = {
        drop = function(self) self.has = false; s.send("kid", "tell", 1) end,
        late = function() s.send("ix-2", "tell", 1) end,
      },
    })
    assert.equal("OK", (page:post { event = "drop" }))
    assert.equal("OK", (page:post { event = "late" }))
    assert.is_nil(drive.due())
  end)

  local wrong = {
    { "a slot that is not there", function() s.send("kit", "tell") end,
      'send: there is no "kit"' },
    { "a parent that is not there", function() s.send("parent", "tell") end,
      'send: there is no "parent"' },
    { "a target that is no text", function() s.send(1, "tell") end,
      "send: a target is \"parent\", a slot or an instance's id, not a number" },
    { "an event that it has not", function() s.send("kid", "tall") end,
      'send: "spec/child" has no event "tall"; did you mean "tell"' },
    { "code", function() s.send("kid", "tell", print) end,
      "send: plain values are wanted, and the message is a function" },
    { "more than 256 that wait",
      function() for i = 1, 257 do s.send("kid", "tell", i) end end,
      "send: over 256 messages, or 262144 bytes, wait in this conversation" },
    { "more than 256 KiB that wait",
      function() for _ = 1, 17 do s.send("kid", "tell", ("x"):rep(16000)) end end,
      "send: over 256 messages, or 262144 bytes" },
  }
  for _, case in ipairs(wrong) do
    it("refuses " .. case[1], function()
      local page = visit(family { go = case[2] })
      drive.log(false)
      local result, sent = page:post { event = "go" }
      drive.log(true)
      assert.equal("ERR_APP", result)
      local text = sent[1].body:gsub("&quot;", '"'):gsub("&#39;", "'")
      assert.matches(case[3], text)
    end)
  end

  it("without end does not stop the rest", function()
    local page = visit(family {
      loop = function() s.send("ix-1", "loop") end,
      go = function() s.after(0.01, "told", "time") end,
    })
    page:post { event = "loop" }
    page:post { event = "go" }
    for _ = 1, 10 do
      drive.skip(0.01)
      drive.tick()
      while drive.poll() > 0 do end
    end
    assert.same({ "told time" }, trace)
  end)
end)

describe("publish_local", function()
  it("reaches this conversation's subscribers only, tasks too (15.4)", function()
    local Pair = component {
      init = { heard = "" },
      children = { a = Ear, b = Ear },
      render = function(self)
        return { "div", "own", self.heard, s.slot "a", s.slot "b" }
      end,
      start = function(self)
        for _ = 1, 2 do
          self.heard = self.heard .. " " .. s.receive "news"
          s.sleep(1)
        end
      end,
      on = { go = function() s.publish_local("news", 1); s.publish_local("news", 2) end },
    }
    local other, page = visit(Ear):follow(), visit(Pair):follow()
    page:post { event = "go" }
    page:advance(0)
    assert.matches("own 1<", page:html())
    drive.restart()
    page:advance(1)
    assert.matches("own 1 2<", page:html())
    local _, n = page:html():gsub("heard 1 2<", "")
    assert.equal(2, n)
    assert.equal("", heard(other))
  end)
end)

describe("a topic", function()
  it("is heard by many in passes that let others through", function()
    for _ = 1, 100 do visit(Ear):follow() end
    local mouth = visit(Mouth):follow()
    mouth:post { event = "say", value = "x" }
    drive.tick()
    assert.is_true(#trace <= 16)
    assert.equal("OK", (mouth:post { event = "say", value = "y" }))
    drive.advance(0)
    assert.equal(200, #trace)
  end)
end)
