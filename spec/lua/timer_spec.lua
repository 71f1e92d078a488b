-- Timers: exactly once through failures and restarts, in order, and not at all for
-- what is gone. The specs own the clock.
local define = require "spec.lua.define" "timer"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local component, flow = define.component, define.flow

--- A page that shows what it heard, with these event functions.
local function hears(on, more)
  local definition = {
    init = { heard = "" },
    render = function(self) return { "p", "heard", self.heard } end,
    on = on,
  }
  for key, value in pairs(more or {}) do definition[key] = value end
  return component(definition)
end

--- What is static must be made by a load: specs keep their traces here.
local trace = {}

local function write(text) trace[#trace + 1] = text end

local function forever()
  while true do end
end

before_each(function()
  drive.restart(false)
  drive.collect()
  drive.advance(0)
  trace = {}
end)

describe("after", function()
  it("brings its event with its value once, when its time has come", function()
    local page = visit(hears {
      go = function() s.after(2, "tick", { n = 7 }) end,
      tick = function(self, value, ev)
        self.heard = self.heard .. " " .. ev.event .. value.n
      end,
    })
    page:post { event = "go" }
    assert.equal(2, drive.due())
    assert.equal(0, #page:advance(1.999))
    local sent = page:advance(0.001)
    assert.equal(1, #sent)
    assert.matches("heard tick7<", sent[1].body)
    assert.is_nil(drive.due())
    assert.equal(0, #page:advance(10))
  end)

  it("replaces what the same instance asked for by that name", function()
    local page = visit(hears {
      go = function(_, v) s.after(v, "tick", v) end,
      tick = function(self, v) self.heard = self.heard .. " " .. v end,
    })
    page:post { event = "go", value = 1 }
    page:post { event = "go", value = 3 }
    page:advance(2)
    assert.matches("heard<", page:html())
    page:advance(2)
    assert.matches("heard 3<", page:html())
  end)

  it("fires in order of time, and of asking when that is equal", function()
    local page = visit(hears {
      go = function()
        s.after(3, "tick", "c")
        s.after(1, "tock", "a")
        s.after(1, "tuck", "b")
      end,
      tick = function(self, v) self.heard = self.heard .. v end,
      tock = function(self, v) self.heard = self.heard .. v end,
      tuck = function(self, v) self.heard = self.heard .. v end,
    })
    page:post { event = "go" }
    page:advance(5)
    assert.matches("heardabc<", page:html())
  end)

  it("is due after 10 ms at the earliest", function()
    local page = visit(hears {
      go = function() s.after(0, "tick") end,
      tick = function(self) self.heard = " it" end,
    })
    page:post { event = "go" }
    assert.equal(0.01, drive.due())
    page:advance(0.009)
    assert.matches("heard<", page:html())
    page:advance(0.001)
    assert.matches("heard it<", page:html())
  end)

  it("ends with its instance (15.1)", function()
    local Child = hears({ tick = function() write "tick" end },
      { start = function() s.after(1, "tick") end })
    local page = visit(component {
      init = { has = true },
      children = function(self) return { a = self.has and Child or nil } end,
      render = function() return { "div", s.slot "a" } end,
      on = { drop = function(self) self.has = false end },
    })
    page:follow()
    assert.equal(1, drive.due())
    page:post { event = "drop" }
    assert.is_nil(drive.due())
    page:advance(5)
    assert.same({}, trace)
  end)

  it("works as data, and from a flow's own events", function()
    local Ask = component { render = function() return { "p", "ask" } end }
    local page = visit(flow({
      on = { tick = function(_, v) write(v) end },
    }, function()
      s.after(1, "tick", "called")
      s.await(Ask)
    end)):follow()
    page:advance(1)
    assert.same({ "called" }, trace)
    page = visit(hears {
      go = function() return { { "after", 1, "tick", "data" } } end,
      tick = function(_, v) write(v) end,
    })
    page:post { event = "go" }
    page:advance(1)
    assert.same({ "called", "data" }, trace)
  end)

  it("counts 256 in a conversation, and refuses one more (15.7)", function()
    local on = { go = function(_, n)
      for i = 1, n do s.after(i, "e" .. i) end
    end }
    for i = 1, 257 do on["e" .. i] = function() end end
    local page = visit(hears(on))
    assert.equal("OK", (page:post { event = "go", value = 256 }))
    drive.log(false)
    local result, sent = page:post { event = "go", value = 257 }
    drive.log(true)
    assert.equal("ERR_APP", result)
    assert.matches("may hold 256 timers", sent[1].body)
  end)

  local wrong = {
    { "a text for seconds", function() s.after("1", "tick") end,
      "after: a number of seconds is wanted, not a string" },
    { "no time", function() s.after(-1, "tick") end,
      "after: seconds cannot be %-1" },
    { "not a number", function() s.after(0 / 0, "tick") end,
      "after: seconds cannot be" },
    { "too far", function() s.after(1e10, "tick") end, "are more than" },
    { "no event", function() s.after(1) end,
      "after: an event's name must be a string, not a nil" },
    { "an event that is not there", function() s.after(1, "tack") end,
      'after: "spec/timer%d+" has no event "tack"; did you mean "tick"' },
    { "an option that is not there",
      function() s.after(1, "tick", nil, { volatle = true }) end,
      'after: there is no option "volatle"' },
    { "data that is wrong", function() return { "after", "x", "tick" } end,
      "after: a number of seconds" },
    { "a sleep as data", function() return { "sleep", 1 } end, "is no effect" },
    { "an await as data", function() return { "await", s.info "x" } end,
      "is no effect" },
    { "a value that cannot be saved",
      function() s.after(1, "tick", io.open("/dev/null")) end,
      "the value of a timer's event \"tick\".*cannot be saved" },
  }
  for _, case in ipairs(wrong) do
    it("refuses " .. case[1], function()
      local page = visit(hears { go = case[2], tick = function() end })
      drive.log(false)
      local result, sent = page:post { event = "go" }
      drive.log(true)
      assert.equal("ERR_APP", result)
      local text = sent[1].body:gsub("&quot;", '"'):gsub("&#39;", "'")
      assert.matches(case[3], text)
    end)
  end

  it("is armed only when somebody has come, and counts from the boot", function()
    local page = visit(hears({
      tick = function(self) self.heard = " tick" end,
    }, { start = function() s.after(5, "tick") end }))
    assert.is_nil(drive.due())
    page:advance(3)
    page:follow()
    assert.equal(2, drive.due())
    page:advance(2)
    assert.matches("heard tick<", page:html())
  end)
end)

describe("sleep", function()
  it("goes on at its line, in flows, handlers and hooks", function()
    local page = visit(hears({
      go = function(self)
        for i = 1, 3 do
          s.sleep(1)
          self.heard = self.heard .. i
        end
      end,
    }, {
      start = function(self)
        s.sleep(s.minute)
        self.heard = self.heard .. " started"
      end,
    }))
    page:post { event = "go" }
    page:advance(2)
    assert.matches("heard12<", page:html())
    page:advance(s.hour)
    assert.matches("heard123 started<", page:html())
    assert.is_nil(drive.due())
    local Say = component {
      render = function(self) return { "p", "said ", self.text } end,
    }
    page = visit(flow(function()
      s.sleep(s.day)
      s.await(Say { text = "good morning" })
    end)):follow()
    assert.equal(86400, drive.due())
    page:advance(s.day)
    assert.matches("good morning", page:html())
  end)

  it("says where it cannot be, and what seconds are", function()
    drive.log(false)
    local page = visit(hears { go = function() s.sleep("soon") end })
    local _, sent = page:post { event = "go" }
    assert.matches("s.sleep: a number of seconds", sent[1].body)
    page = visit(hears { go = function()
      table.sort({ 2, 1 }, function() s.sleep(1) end)
    end })
    _, sent = page:post { event = "go" }
    assert.matches("cannot sleep inside table.sort", sent[1].body)
    drive.log(true)
  end)

  it("is over when its instance is gone, and its variables are closed", function()
    local Child = hears({}, {
      start = function()
        local _ <close> = setmetatable({}, { __close = function()
          write "closed"
        end })
        s.sleep(10)
        write "woken"
      end,
    })
    local page = visit(component {
      init = { has = true },
      children = function(self) return { a = self.has and Child or nil } end,
      render = function() return { "div", s.slot "a" } end,
      on = { drop = function(self) self.has = false end },
    }):follow()
    page:post { event = "drop" }
    assert.same({ "closed" }, trace)
    assert.is_nil(drive.due())
  end)
end)

describe("show", function()
  it("is what a flow is while it sleeps, also after a restart", function()
    local page = visit(flow({
      on = { hurry = function() write "hurry" end },
    }, function()
      s.show { "section", "Brewing ", { "button", on_click = "hurry", "Hurry" } }
      s.sleep(60)
      s.await(s.info "Tea is ready")
      s.show "Cooling"
      s.sleep(60)
      s.show()
      s.sleep(60)
    end)):follow()
    assert.matches('^<section[^>]* id="ix%-1"[^>]*>Brewing', page:html())
    drive.restart()
    assert.matches("Brewing", page:html())
    page:click "Hurry"
    assert.same({ "hurry" }, trace)
    local sent = page:advance(60)
    assert.matches("Tea is ready", sent[1].body)
    page:click "OK"
    assert.matches("Cooling", page:html())
    sent = page:advance(60)
    assert.matches("^<div[^>]* hidden></div>$", sent[1].body)
  end)

  it("sends nothing when it shows the same again", function()
    local page = visit(flow(function()
      while true do
        s.show { "p", "Waiting" }
        s.sleep(1)
      end
    end)):follow()
    assert.equal(0, #page:advance(3))
  end)

  local wrong = {
    { "a function", function() s.show(print) end,
      "show: markup is wanted, not a function" },
    { "a component that draws itself", function() s.show "x" end,
      'show: "spec/timer%d+" has a render' },
  }
  for _, case in ipairs(wrong) do
    it("refuses " .. case[1], function()
      drive.log(false)
      local page = visit(hears { go = case[2] })
      local _, sent = page:post { event = "go" }
      drive.log(true)
      assert.matches(case[3], (sent[1].body:gsub("&quot;", '"')))
    end)
  end
end)

describe("await with a timeout", function()
  local Ask = component {
    render = function() return { "p", "asked", { "button", on_click = "yes", "yes" } } end,
    on = { yes = function() s.answer "yes" end },
    stop = function() write "stopped" end,
  }
  local function asks()
    return visit(hears({
      go = function(self)
        local answer, why = s.await(Ask, { slot = "q", timeout = 5 })
        self.heard = " " .. tostring(answer) .. " " .. tostring(why)
      end,
    }, {
      render = function(self)
        return { "div", "heard", self.heard, s.slot "q" }
      end,
    }))
  end

  it("gives nil and \"timeout\", and takes the callee away (9.7)", function()
    local page = asks()
    page:post { event = "go" }
    assert.matches("asked", page:html())
    page:advance(5)
    assert.matches("heard nil timeout", page:html())
    assert.not_matches("asked", page:html())
    assert.same({ "stopped" }, trace)
  end)

  it("is forgotten with the answer", function()
    local page = asks()
    page:post { event = "go" }
    page:advance(4)
    page:click "yes"
    assert.matches("heard yes nil", page:html())
    assert.is_nil(drive.due())
  end)

  it("does not run on for what the task waits for next", function()
    local page = visit(hears({
      go = function(self)
        s.await(Ask, { slot = "q", timeout = 5 })
        s.await(Ask, { slot = "q" })
        self.heard = " twice"
      end,
    }, {
      render = function(self)
        return { "div", "heard", self.heard, s.slot "q" }
      end,
    }))
    page:post { event = "go" }
    page:advance(4)
    page:click "yes"
    page:advance(100)
    assert.matches("heard<.*asked", page:html())
    page:click "yes"
    assert.matches("heard twice", page:html())
  end)

  it("wants seconds", function()
    drive.log(false)
    local page = visit(hears { go = function()
      s.await(Ask, { timeout = "5" })
    end })
    local _, sent = page:post { event = "go" }
    drive.log(true)
    assert.matches("s.await: the option timeout: a number of seconds", sent[1].body)
  end)
end)

describe("a timer whose turn fails", function()
  before_each(function() drive.log(false) end)
  after_each(function() drive.log(true) end)

  it("is consumed: a banner, the old state, no second try", function()
    local page = visit(hears {
      go = function() s.after(1, "tick") end,
      tick = function(self)
        self.heard = " half"
        write "ran"
        error "no"
      end,
    })
    page:post { event = "go" }
    local sent = page:advance(1)
    assert.matches('role="alert"', sent[1].body)
    page:advance(100)
    assert.same({ "ran" }, trace)
    assert.matches("heard<", page:html())
  end)

  it("takes back what it asked for, and keeps what was there before", function()
    local page = visit(hears {
      go = function()
        s.after(1, "tick")
        s.after(2, "tock")
      end,
      tick = function()
        s.after(5, "tock")
        s.after(1, "tuck")
        error "no"
      end,
      tock = function(self) self.heard = " tock" end,
      tuck = function(self) self.heard = " tuck" end,
    })
    page:post { event = "go" }
    page:advance(1)
    assert.equal(1, drive.due())
    page:advance(1)
    assert.matches("heard tock<", page:html())
    assert.is_nil(drive.due())
  end)

  it("ends the task that slept with the error, in a turn of its own", function()
    local page = visit(hears({
      go = function(self)
        local ok, why = pcall(s.sleep, 1)
        if ok then self.bad = true end
        self.heard = " " .. tostring(ok) .. " " .. tostring(why)
      end,
    }, {
      render = function(self)
        if self.bad then error "cannot be drawn" end
        return { "p", "heard", self.heard }
      end,
    }))
    page:post { event = "go" }
    page:advance(1)
    assert.matches("heard false .*cannot be drawn", page:html())
    assert.is_nil(drive.due())
  end)

  it("gives up a task that fails again", function()
    local page = visit(hears {
      go = function(self)
        s.sleep(1)
        self.heard = " never"
        write "awake"
        error "no"
      end,
    })
    for _ = 1, 70 do -- more than may wait
      page:post { event = "go" }
      page:advance(1)
    end
    assert.equal(70, #trace)
    assert.matches("heard<", page:html())
    assert.is_nil(drive.due())
  end)

  it("does not stop the conversation when it runs for ever", function()
    local page = visit(hears {
      go = function() s.after(1, "tick") end,
      tick = forever,
      other = function(self) self.heard = " other" end,
    })
    page:post { event = "go" }
    drive.budget(30)
    page:advance(1)
    drive.budget()
    page:post { event = "other" }
    assert.matches("heard other<", page:html())
  end)

  it("stays when its commit fails, and goes off then", function()
    local page = visit(hears {
      go = function() s.after(1, "tick") end,
      tick = function(self) self.heard = self.heard .. " tick" end,
    })
    page:post { event = "go" }
    drive.hold(true)
    drive.advance(1)
    drive.settle(false)
    drive.poll()
    drive.hold(false)
    assert.matches("heard<", page:html())
    page:advance(0)
    assert.matches("heard tick<", page:html())
    assert.is_nil(drive.due())
  end)
end)

describe("going back", function()
  it("gives timers and sleeps the time that was left (10.10)", function()
    local page = visit(hears {
      go = function(self)
        s.after(10, "tick")
        s.sleep(20)
        self.heard = self.heard .. " slept"
      end,
      tick = function(self) self.heard = self.heard .. " tick" end,
      other = function(self)
        self.heard = " other"
        s.after(100, "tick")
      end,
      back = function() s.back() end,
    })
    page:post { event = "go" }
    page:advance(4)
    page:post { event = "other" }
    assert.equal(16, drive.due())
    page:advance(10)
    page:post { event = "back" }
    assert.equal(6, drive.due())
    page:advance(6)
    assert.matches("heard tick<", page:html())
    assert.equal(10, drive.due())
    page:advance(10)
    assert.matches("heard tick slept<", page:html())
    assert.is_nil(drive.due())
  end)
end)

describe("an upgrade", function()
  before_each(function() drive.log(false) end)
  after_each(function() drive.log(true) end)

  local function sleeper(word, seconds)
    s.flow("spec/sleeper", { upgrade = "restart" }, function()
      s.sleep(seconds)
      write(word)
      s.await(s.info(word))
    end)
    drive.collect()
  end

  local function alarm(upgrade)
    s.component("spec/alarm", {
      init = {},
      render = function() return { "p", "alarm" } end,
      on = {
        go = function() s.after(10, "tick") end,
        tick = function() write "tick" end,
      },
      upgrade = upgrade,
    })
    drive.collect()
  end

  it("comes before a timer's turn, and what the old flow slept for is gone",
    function()
      sleeper("old", 10)
      visit("spec/sleeper"):follow()
      drive.advance(9)
      sleeper("new", 5)
      drive.advance(1)
      assert.equal(5, drive.due())
      drive.advance(5)
      assert.same({ "new" }, trace)
    end)

  it("that fails holds timers up, without haste, until the code is right",
    function()
      alarm()
      visit("spec/alarm"):post { event = "go" }
      alarm(function() error "no" end)
      drive.advance(100)
      assert.same({}, trace)
      assert.is_nil(drive.due())
      alarm(function() end)
      drive.advance(0)
      assert.same({ "tick" }, trace)
    end)

  it("does not wake a fork that nobody has opened", function()
    alarm()
    local page = visit("spec/alarm")
    page:post { event = "go" }
    local fork = s.conversation(page.cid):fork()
    drive.advance(20)
    alarm(function() end)
    drive.page(fork.cid) -- brings it up to date
    drive.advance(20)
    assert.same({ "tick" }, trace)
  end)
end)

describe("a fork", function()
  local function page_of(c)
    return setmetatable({ cid = c.cid }, getmetatable(visit(s.info "x")))
  end
  local function timed()
    local page = visit(hears {
      go = function() s.after(10, "tick") end,
      tick = function(self) self.heard = self.heard .. " tick" end,
      other = function(self)
        self.heard = " other"
        s.after(100, "tick")
      end,
    })
    page:post { event = "go" }
    page:advance(4)
    return page, s.conversation(page.cid)
  end

  it("rests until it is opened; its timers have the time that was left", function()
    local page, c = timed()
    local fork = page_of(c:fork())
    page:advance(20)
    assert.matches("heard tick<", page:html())
    drive.restart()
    drive.advance(1000)
    assert.matches("heard<", fork:html())
    fork:post { event = "-" }
    assert.equal(6, drive.due())
    fork:advance(6)
    assert.matches("heard tick<", fork:html())
    assert.is_nil(drive.due())
  end)

  it("of the past has what was left then", function()
    local page, c = timed()
    local turn = c:turns()[#c:turns()].turn
    page:post { event = "other" }
    page:advance(50)
    local fork = page_of(c:fork(turn))
    page:advance(30)
    fork:post { event = "-" }
    assert.equal(6, drive.due())
    fork:advance(6)
    assert.matches("heard tick<", fork:html())
  end)
end)

describe("sleeping conversations", function()
  local Clock = s.component("spec/clock", {
    init = { n = 0 },
    render = function(self) return { "p", "n ", self.n } end,
    start = function(self)
      while true do
        s.sleep(1)
        self.n = self.n + 1
      end
    end,
  })
  local Once = s.component("spec/once", {
    init = { n = 0 },
    render = function(self) return { "p", "n ", self.n } end,
    on = { go = function(_, v) s.after(v, "tick") end,
           tick = function(self) self.n = self.n + 1; write(s.conversation_id()) end },
  })
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
    end

    it("go on after a restart, and fire once (" .. store .. ") (5.7)", function()
      fresh()
      local page = visit(Once)
      page:post { event = "go", value = 10 }
      page:advance(4)
      drive.restart()
      assert.equal(0, drive.stats().conversations)
      page:advance(5.999)
      assert.same({}, trace)
      page:advance(0.001)
      assert.same({ page.cid }, trace)
      assert.matches("n 1<", page:html())
      drive.restart()
      page:advance(100)
      assert.same({ page.cid }, trace)
      assert.matches("n 1<", page:html())
    end)

    it("sleep on at the same line through restarts (" .. store .. ")", function()
      fresh()
      local page = visit(Clock):follow()
      for _ = 1, 5 do
        page:advance(1)
        drive.restart()
      end
      page:advance(0.5)
      drive.restart()
      page:advance(0.5)
      assert.matches("n 6<", page:html())
    end)

    it("are woken from the store alone, in order of time (" .. store .. ")", function()
      fresh()
      local cids = {}
      for i = 1, 150 do
        local page = visit(Once)
        page:post { event = "go", value = 151 - i }
        cids[151 - i] = page.cid
      end
      drive.hot(4)
      drive.restart()
      drive.advance(1000) -- they were all overdue, had time not been told by steps
      assert.same(cids, trace)
      assert.is_true(drive.stats().conversations <= 5)
    end)
  end

  it("that left memory a while ago are found in the store in time", function()
    drive.hot(1)
    local pages = {}
    for i = 1, 5 do
      pages[i] = visit(Once)
      pages[i]:post { event = "go", value = 10 * i }
    end
    assert.is_true(drive.stats().conversations < 5)
    drive.advance(20)
    assert.same({ pages[1].cid, pages[2].cid }, trace)
    visit(Once):post { event = "go", value = 5 }
    drive.advance(30)
    assert.equal(6, #trace)
    assert.equal(pages[5].cid, trace[6])
  end)

  it("that were overdue for long fire once each, a few in a pass", function()
    local pages = {}
    for i = 1, 100 do
      pages[i] = visit(Once)
      pages[i]:post { event = "go", value = i }
    end
    drive.restart()
    drive.skip(s.day)
    drive.tick() -- finds them
    while drive.poll() > 0 do end
    assert.same({}, trace)
    drive.tick()
    assert.is_true(#trace > 0 and #trace <= 16)
    local result = pages[100]:post { event = "go", value = s.day } -- a visitor
    assert.equal("OK", result)
    drive.advance(0)
    local cids = {}
    for i = 1, 99 do cids[i] = pages[i].cid end
    assert.same(cids, trace)
  end)

  it("do not wait longer when the clock was wrong", function()
    local page = visit(Once)
    page:post { event = "go", value = 60 }
    drive.restart()
    drive.skip(-s.day)
    page:html() -- whoever comes finds it with a minute to go
    page:post { event = "-" }
    drive.advance(0)
    assert.equal(60, drive.due())
    drive.skip(s.day)
  end)
end)

describe("a volatile timer", function()
  local Dice = s.component("spec/dice", {
    init = { n = 0 },
    render = function(self) return { "p", "n ", self.n } end,
    on = {
      go = function() s.after(0.01, "tick", nil, { volatile = true }) end,
      tick = function(self)
        self.n = self.n + 1
        s.after(0.01, "tick", nil, { volatile = true })
      end,
      plain = function() end,
      ask = function(_, f) s.after(0.01, f, nil, { volatile = true }) end,
      answers = function() s.answer(1) end,
      publishes = function() s.publish("x", 1) end,
      finishes = function() s.finish() end,
      calls = function(self) self.n = 99; s.call(s.info "hello") end,
      fails = function(self) self.n = 77; error "no" end,
    },
  })
  it("shows its turns before they are saved, and saves them soon", function()
    local page = visit(Dice)
    page:post { event = "go" }
    local before = drive.commits()
    local sent = page:advance(0.1)
    assert.equal(10, #sent)
    assert.equal(before, drive.commits())
    drive.restart() -- kill -9: the last moment is lost, and goes on
    assert.matches("n 0<", page:html())
    page:advance(0.5)
    assert.matches("n 51<", page:html()) -- one was overdue
    assert.is_true(drive.commits() <= before + 2)
    drive.restart()
    local kept = tonumber(page:html():match "n (%d+)<")
    assert.is_true(kept >= 25 and kept <= 50, kept)
  end)

  it("is saved with the next turn of a visitor", function()
    local page = visit(Dice)
    page:post { event = "go" }
    page:advance(0.1)
    page:post { event = "plain" }
    drive.restart()
    assert.matches("n 10<", page:html())
  end)

  it("is not lost when a later turn fails", function()
    local page = visit(Dice)
    page:post { event = "go" }
    page:advance(0.1)
    drive.log(false)
    page:post { event = "fails" }
    drive.log(true)
    assert.matches("n 10<", page:html())
  end)

  for event, words in pairs { answers = "answer", publishes = "publish",
    finishes = "finish" } do
    it("refuses " .. event, function()
      local page = visit(Dice)
      page:post { event = "ask", value = event }
      drive.log(false)
      local sent = page:advance(0.01)
      drive.log(true)
      assert.matches(words .. ": the turn of a volatile timer", sent[1].body)
    end)
  end

  it("is saved at once when it made an instance", function()
    local page = visit(Dice)
    page:post { event = "ask", value = "calls" }
    page:advance(0.01)
    drive.restart()
    assert.matches("hello", page:html())
  end)

  it("is what a timer becomes that writes over a megabyte a second", function()
    local Big = component {
      init = { text = "" },
      render = function() return { "p", "big" } end,
      on = {
        go = function() s.after(0.01, "tick") end,
        tick = function(self)
          self.text = ("x"):rep(100000) .. math.random(1 << 30)
          s.after(0.01, "tick")
        end,
      },
    }
    local page = visit(Big)
    page:post { event = "go" }
    local before = drive.commits()
    page:advance(2) -- 200 turns of 100 KB
    local n = drive.commits() - before
    assert.is_true(n >= 10 and n <= 40, n)
  end)
end)
