-- s.spawn: conversations that code begins, and what a conversation may do.
local define = require "spec.lua.define" "sp"
local drive = require "stube.drive"
local jobs = require "spec.lua.io.jobs"
local s = require "stube"
local visit = require "spec.lua.visit"

local component, flow = define.component, define.flow

local function settle() while drive.poll() > 0 do end end

--- Until all that is due now has happened.
local function now() drive.advance(0) end

local function plain() return { "p", "plain" } end

--- A page whose event "go" calls `f(self, value)`.
local function does(f, more)
  local definition = { render = plain, on = { go = f } }
  for name, value in pairs(more or {}) do definition[name] = value end
  return visit(component(definition))
end

local function go(page, value) return page:post { event = "go", value = value } end

--- What is shown instead, when that fails.
local function banner(page, value)
  drive.log(false)
  local result, sent = go(page, value)
  drive.log(true)
  assert.equal("ERR_APP", result)
  return (sent[1].body:gsub("&#39;", "'"):gsub("&quot;", '"'))
end

--- Counts its ticks, starts and messages.
local function counter(more)
  local definition = {
    init = { started = 0, n = 0, heard = "" },
    start = function(self)
      self.started = self.started + 1
      s.after(10, "tick")
      s.subscribe("sp/news", "news")
    end,
    render = function(self) return { "p", "n=", self.n, " heard=", self.heard, ";" } end,
    on = {
      tick = function(self) self.n = self.n + 1; s.after(10, "tick") end,
      news = function(self, v) self.heard = self.heard .. v end,
      inc = function(self) self.n = self.n + 1 end,
    },
  }
  for name, value in pairs(more or {}) do definition[name] = value end
  return component(definition)
end

local function tell(v) go(does(function() s.publish("sp/news", v) end)) end

-- What lives without a visitor would live on in the specs that follow.
after_each(function()
  settle()
  drive.restart(false)
end)

describe("what is spawned in a turn", function()
  it("is kept in the turn's own item, and can be looked at before it begins", function()
    local made
    local Child = counter { init = function(args)
      return { started = 0, n = args.n, heard = "", id = s.conversation_id() }
    end }
    local page = does(function(self)
      self.child = s.spawn(Child { n = 5 })
      made = self.child
    end)
    page:post { event = "-" }
    local before = drive.commits()
    go(page)
    assert.equal(before + 1, drive.commits())
    assert.same({ started = 0, n = 5, heard = "", id = made.cid }, made:state())
    assert.equal(made, s.conversation(made.cid))
    assert.equal(1, #made:turns())
    now()
    assert.equal(1, made:state().started)
    assert.equal(made.cid, s.conversation(page.cid):state().child.cid)
    assert.matches("n=5", made:html())
  end)

  it("lives without a visitor: timers, messages, sleep, through restarts", function()
    local agent, sleeper
    local Sleeper = flow(function()
      for i = 1, 3 do s.show { "p", "lap ", i }; s.sleep(100) end
      s.await(s.info "rest")
    end)
    local page = does(function()
      agent, sleeper = s.spawn(counter()), s.spawn(Sleeper)
    end)
    go(page)
    now()
    drive.restart()
    drive.advance(25)
    tell "a"
    now()
    drive.restart()
    tell "b"
    drive.advance(10)
    assert.same({ started = 1, n = 3, heard = "ab" }, agent:state())
    assert.matches("lap 1", sleeper:html())
    drive.advance(100)
    assert.matches("lap 2", sleeper:html())
    drive.restart()
    drive.advance(300)
    assert.matches("rest", sleeper:html())
    assert.equal("live", agent:inspect().status)
  end)

  it("runs functions in workers, and has their results", function()
    finally(function() drive.workers(false) end)
    drive.workers { n = 1 }
    local agent
    local Adds = flow(function()
      s.show { "p", "sum ", s.io(jobs.add, 3, 4) }
      s.receive "sp/never"
    end)
    go(does(function() agent = s.spawn(Adds) end))
    now()
    drive.restart()
    drive.work()
    assert.matches("sum 7", agent:html())
  end)

  it("begins once, also when the process dies before it has", function()
    local made
    local page = does(function() made = s.spawn(counter()) end)
    go(page)
    assert.equal(0, made:state().started)
    drive.restart()
    assert.equal(0, made:state().started)
    now()
    assert.equal(1, made:state().started)
    drive.restart()
    drive.advance(10)
    assert.same({ started = 1, n = 1, heard = "" }, made:state())
  end)

  it("has begun before any event that comes for it", function()
    local made
    go(does(function() made = s.spawn(counter()) end))
    drive.post(made.cid, { event = "inc" })
    settle()
    assert.same({ started = 1, n = 1, heard = "" }, made:state())
    local first
    go(does(function() first = s.spawn(counter()) end))
    assert.matches("n=0", drive.page(first.cid))
    assert.equal(1, first:state().started)
    assert.is_true(first:send "inc")
    settle()
    assert.equal(1, first:state().n)
    assert.is_true(first:back())
    settle()
    assert.same({ started = 1, n = 0, heard = "" }, first:state())
    assert.is_nil((first:back())) -- not to before it began
  end)

  it("never was when the turn fails", function()
    local made
    local began = s.atom("sp/began1", 0)
    local Child = counter { start = function() began:set(1) end }
    local page = does(function(self)
      made = s.spawn(Child)
      self.seen = made:state().n
      error "no"
    end)
    local before = drive.stats().conversations
    assert.matches("no", banner(page))
    assert.is_nil(s.conversation(made.cid))
    assert.is_false(drive.alive(made.cid))
    assert.equal(before, drive.stats().conversations)
    now()
    drive.restart()
    now()
    assert.equal(0, began:get())
    assert.is_nil(s.conversation(made.cid))
  end)

  it("never was when the turn cannot be kept", function()
    local made
    local began = s.atom("sp/began2", 0)
    local Child = counter { start = function() began:set(1) end }
    local page = does(function(self) self.n = 1; made = s.spawn(Child) end)
    page:post { event = "-" }
    drive.log(false)
    drive.hold(true)
    finally(function() drive.hold(false); drive.log(true) end)
    local turn = drive.post(page.cid, { event = "go" })
    local waits = drive.post(made.cid, { event = "inc" })
    drive.tick()
    assert.is_nil(waits.result)
    drive.settle(false)
    drive.poll()
    drive.hold(false)
    settle()
    drive.log(true)
    assert.equal("ERR_UNAVAILABLE", turn.result)
    assert.equal("ERR_GONE", waits.result)
    now()
    assert.is_false(drive.alive(made.cid))
    assert.is_nil(s.conversation(made.cid))
    assert.is_nil(s.conversation(page.cid):state().n)
    assert.equal(0, began:get())
  end)

  it("does nothing before the turn is kept", function()
    local made
    local page = does(function() made = s.spawn(counter()) end)
    page:post { event = "-" }
    drive.hold(true)
    finally(function() drive.hold(false) end)
    drive.post(page.cid, { event = "go" })
    drive.tick()
    drive.poll()
    assert.equal(0, made:state().started)
    drive.settle(true)
    drive.poll()
    drive.hold(false)
    now()
    assert.equal(1, made:state().started)
  end)

  it("stays when the conversation that spawned it goes back, or ends", function()
    local made
    local page = does(function(self, v)
      self.n, made = 1, s.spawn(counter())
      if v then s.finish() end
    end)
    go(page)
    page:post { back = true }
    assert.is_nil(s.conversation(page.cid):state().n)
    now()
    assert.equal(1, made:state().started)
    go(page, "and end")
    assert.is_nil(s.conversation(page.cid))
    now()
    assert.equal(1, made:state().started)
  end)

  it("can be 50, forks among them, and not 51 (B:spawn)", function()
    local Child = counter()
    local made
    local page = does(function(_, n)
      made = { s.spawn(Child) }
      for _ = 2, n - 1 do made[#made + 1] = s.spawn(Child) end
      made[#made + 1] = made[1]:fork()
    end)
    assert.equal("OK", (go(page, 50)))
    now()
    local started = 0
    for _, c in ipairs(made) do started = started + c:state().started end
    assert.equal(49, started) -- a fork rests
    assert.matches("fork: over 50 conversations begun in one turn", banner(page, 51))
    for _, c in ipairs(made) do assert.is_nil(s.conversation(c.cid)) end
    local spawner = does(function() for _ = 1, 51 do s.spawn(Child) end end)
    assert.matches("spawn_spec.lua:%d+: spawn: over 50 conversations", banner(spawner))
  end)

  it("begins when its fork is opened, if it had not", function()
    local made, fork
    go(does(function() made = s.spawn(counter()); fork = made:fork() end))
    now()
    assert.equal(1, made:state().started)
    assert.equal(0, fork:state().started)
    drive.promote(fork.cid)
    settle()
    now()
    assert.equal(1, fork:state().started)
  end)

  it("saves the conversation whose first turn spawns, before anybody comes", function()
    local made
    local page = visit(component { render = plain,
      start = function(self) self.child = s.spawn(counter()); made = self.child end })
    settle()
    drive.restart()
    assert.is_true(drive.alive(page.cid))
    now()
    assert.equal(1, made:state().started)
  end)

  it("ends when its first turn fails, and the log and its wreck say why", function()
    local made
    local Child = counter { start = function(self) self.n = 1; error "cannot start" end }
    local Flow = flow(function() error { code = 7 } end)
    local page = does(function(_, what)
      made = s.spawn(what == "flow" and Flow or Child)
    end)
    go(page)
    local log = drive.logged(now)
    assert.matches("cannot start", log)
    assert.matches("never begun", log)
    assert.matches(made.cid, log, 1, true)
    assert.is_nil(s.conversation(made.cid))
    assert.matches("cannot start", made:wreck().error)
    assert.equal("start", made:wreck().where)
    drive.restart()
    now()
    assert.is_false(drive.alive(made.cid))
    go(page, "flow")
    drive.log(false)
    local answer = drive.post(made.cid, { event = "go" })
    settle()
    drive.log(true)
    assert.equal("ERR_GONE", answer.result)
  end)

  it("may end in its first turn", function()
    local made
    go(does(function() made = s.spawn(flow(function() return 1 end)) end))
    assert.is_true(drive.alive(made.cid))
    now()
    assert.is_false(drive.alive(made.cid))
    assert.is_nil(made:wreck())
  end)

  it("spawns others in its first turn", function()
    local leaf
    local Boss = component { render = plain, start = function() leaf = s.spawn(counter()) end }
    go(does(function() s.spawn(Boss) end))
    now()
    assert.equal(1, leaf:state().started)
  end)

  it("is refused in the caller's name when it cannot be made", function()
    local Bad = component { render = plain, init = function() error "bad args" end }
    local Slow = component { render = plain, init = function() while true do end end }
    local Odd = component { render = plain, init = function() return { f = io.stdout:lines() } end }
    local before = drive.stats().conversations
    local page = does(function(_, what)
      s.spawn(what == "bad" and Bad or what == "slow" and Slow or Odd)
    end)
    assert.matches("spawn_spec.lua:%d+: .*spawn_spec.lua:%d+: bad args", banner(page, "bad"))
    assert.matches("spawn_spec.lua:%d+: .*took more than", banner(page, "slow"))
    assert.matches("spawn_spec.lua:%d+: .*self.f", banner(page, "odd"))
    assert.equal(before + 1, drive.stats().conversations)
    assert.equal("OK", (page:post { event = "-" }))
  end)

  it("is refused where nothing may take effect", function()
    local Child = counter()
    local page = visit(component {
      render = function(self)
        if self.on then s.spawn(Child) end
        return { "p" }
      end,
      on = {
        go = function(self) self.on = true end,
        later = function() s.after(1, "volatile", nil, { volatile = true }) end,
        volatile = function(self)
          self.ok, self.why = pcall(s.spawn, Child)
        end,
      },
    })
    assert.matches("spawn cannot be used in render", banner(page))
    page:post { event = "later" }
    page:advance(1)
    assert.matches("volatile timer", s.conversation(page.cid):state().why)
  end)

  it("leaves the atoms and numbers of who spawns alone", function()
    local votes = s.atom("sp/votes", { n = 1 })
    local Child = component { render = plain, init = function()
      local v, n = votes:get(), votes:get().n
      v.n = 99
      return { n = n, r = math.random(1000000) }
    end }
    local made
    local page = does(function(self)
      votes:update(function(v) v.n = 2 end)
      made = s.spawn(Child)
      self.after = votes:get().n
      votes:update(function(v) v.n = v.n + 1 end)
    end)
    go(page)
    assert.equal(2, made:state().n)
    assert.equal(2, s.conversation(page.cid):state().after)
    assert.equal(3, votes:get().n)
  end)
end)

describe("what is spawned in a replay", function()
  it("is the replay's: the same each time, and its turn's effects stay listed", function()
    local Boss = component { render = plain, on = { go = function(self)
      s.after(5, "tick")
      self.child = s.spawn(counter { init = function() return { n = math.random(1000000),
        heard = "", started = 0 } end }).cid
      self.html = #s.conversation(s.conversation_id()):html()
      s.publish("sp/news", 1)
    end, tick = function() end } }
    local function play()
      local c = s.replay(Boss, { "go" }, { seed = 5 })
      return c:state().child, c:inspect().digest, c:effects()
    end
    local child, digest, effects = play()
    assert.same({ "after", "publish" }, { effects[1][1], effects[2][1] })
    assert.is_nil(s.conversation(child))
    assert.same({ child, digest, effects }, { play() })
  end)
end)

describe("what is spawned outside of conversations", function()
  it("is there at once, and begins by itself", function()
    local made = s.spawn(counter(), { title = "Agent" })
    assert.equal(0, made:state().started)
    settle()
    drive.restart()
    now()
    assert.equal(1, made:state().started)
    assert.equal("Agent", made:inspect().title)
    drive.advance(10)
    assert.equal(1, made:state().n)
  end)

  it("never was when it cannot be kept", function()
    drive.log(false)
    drive.hold(true)
    finally(function() drive.hold(false); drive.log(true) end)
    local made = s.spawn(counter())
    drive.settle(false)
    drive.poll()
    drive.hold(false)
    drive.log(true)
    now()
    assert.is_false(drive.alive(made.cid))
  end)

  it("is refused when it cannot be made", function()
    local before = drive.stats().conversations
    local Bad = component { render = plain, init = function() error { code = 3 } end }
    local ok, e = pcall(s.spawn, Bad)
    assert.same({ false, { code = 3 } }, { ok, e })
    assert.equal(before, drive.stats().conversations)
  end)
end)

describe("whose it is", function()
  it("has the context and the principal of who spawned it, or its own (B:spawn)", function()
    local Who = component { render = plain,
      start = function(self) self.c, self.p = s.context(), s.principal() end }
    local made = {}
    local page = visit(component { render = plain, on = { go = function()
      made = { s.spawn(Who), s.spawn(Who, { principal = { name = "bot" } }),
        s.spawn(Who, { context = "here" }) }
    end } }, { tenant = 7 }, { name = "ann" })
    go(page)
    now()
    drive.restart()
    local function who(c) return { c:state().c, c:state().p } end
    assert.same({ { tenant = 7 }, { name = "ann" } }, who(made[1]))
    assert.same({ { tenant = 7 }, { name = "bot" } }, who(made[2]))
    assert.same({ "here", { name = "ann" } }, who(made[3]))
    local alone = s.spawn(Who, { principal = "cron" })
    now()
    assert.same({ nil, "cron" }, who(alone))
  end)

  it("ends after the ttl when somebody could have come, and else never", function()
    drive.collect()
    drive.restart(false)
    finally(function() s.config { conversation_ttl = 0 } end)
    s.config { conversation_ttl = 800 }
    drive.advance(4000)
    drive.reap()
    local mine, nobodys
    local page = does(function()
      mine, nobodys = s.spawn(counter()), s.spawn(counter(), { owner = false })
    end)
    go(page)
    local third = s.spawn(counter(), { owner = mine })
    local fourth = s.spawn(counter())
    now()
    assert.equal(3, drive.rows "seen")
    nobodys:send "inc"
    settle()
    drive.restart()
    for _ = 1, 50 do drive.advance(100); drive.reap() end
    assert.is_false(drive.alive(mine.cid))
    assert.is_false(drive.alive(third.cid))
    assert.is_true(drive.alive(nobodys.cid))
    assert.is_true(drive.alive(fourth.cid))
    assert.equal(0, drive.rows "seen")
    nobodys:finish()
    settle()
    assert.is_false(drive.alive(nobodys.cid))
  end)
end)

-- What needs a capability: in a handler of its component.
local votes = s.atom("sp/can", 0)
local Callee = component { render = plain, on = { yes = function() end } }
local needs = {
  { "io", "io", function() s.io(jobs.add, 1, 1) end },
  { "io", "background", function() s.background(jobs.add, 1, 1) end },
  { "publish", "publish", function() s.publish("sp/t", 1) end },
  { "after", "after", function() s.after(1, "go") end },
  { "after", "sleep", function() s.sleep(1) end },
  { "after", "s.await: the option timeout", function() s.await(Callee, { timeout = 1 }) end },
  { "after", "s.receive: the timeout", function() s.receive("sp/t", 1) end },
  { "spawn", "spawn", function() s.spawn(Callee) end },
  { "spawn", "fork", function() s.conversation(s.conversation_id()):fork() end },
  { "atom", "update", function() votes:update(function(v) return v + 1 end) end },
  { "atom", "set", function() votes:set(7) end },
  { "script", "execute_script", function() s.execute_script "1" end },
}
local all = { "io", "publish", "after", "spawn", "atom", "script" }

--- One that may do what the list says, and does `f` when it is told to go.
local function limited(can, f, more)
  local definition = { render = plain, on = { go = f } }
  for name, value in pairs(more or {}) do definition[name] = value end
  local Child, id = component(definition), nil
  local boss = does(function() id = s.spawn(Child, { can = can }).cid end)
  go(boss)
  now()
  return setmetatable({ cid = id }, getmetatable(boss)), boss
end

local function others(name)
  local list = {}
  for _, can in ipairs(all) do if can ~= name then list[#list + 1] = can end end
  return list
end

describe("a conversation without the capability", function()
  teardown(function() drive.workers(false) end)

  for _, need in ipairs(needs) do
    local name, of, f = table.unpack(need)
    it(("\"%s\" is refused %s, at the line, and nothing else"):format(name, of), function()
      local page, boss = limited(others(name), f)
      local shown = banner(page)
      local wanted = of .. ': SPEC lacks the capability "' .. name
        .. '": its conversation was limited by SPEC in ' .. boss.cid
      assert.matches(wanted, (shown:gsub("spec/sp%d+", "SPEC")), 1, true)
      assert.matches("spawn_spec.lua:%d+: " .. of:match "%w+", shown)
      page = limited({ name }, f)
      assert.equal("OK", (go(page)))
      assert.equal("OK", (go(does(f))))
    end)
  end

  it("is refused effects as data too", function()
    local page = limited(others "publish", function(_, v)
      if v then s.perform { "publish", "sp/t", 1 } end
      return { "publish", "sp/t", 1 }
    end)
    assert.matches("publish: spec/sp%d+ lacks the capability", banner(page))
    assert.matches("spawn_spec.lua:%d+: publish: spec/sp%d+ lacks", banner(page, 1))
    page = limited(others "after", function() return { "after", 1, "go" } end)
    assert.matches('after: spec/sp%d+ lacks the capability "after"', banner(page))
  end)

  it("may wait, receive, hear, and read atoms", function()
    local page = limited({}, function(self)
      s.subscribe("sp/quiet", "go")
      s.publish_local("sp/none", 1)
      self.v = votes:get()
      self.answer = s.await(s.prompt "?")
    end)
    assert.equal("OK", (go(page)))
    assert.matches("%?", page:html())
  end)

  it("stays without it through a restart, going back, and sleep", function()
    local page = limited({ "after" }, function(self, v)
      self.n = (self.n or 0) + 1
      if v then s.publish("sp/t", 1) end
    end)
    go(page)
    page:post { back = true }
    assert.matches("lacks", banner(page, 1))
    drive.restart()
    assert.matches("lacks", banner(page, 1))
    drive.hot(0)
    does(plain)
    assert.matches("lacks", banner(page, 1))
    drive.hot()
    assert.same({ "after" }, s.conversation(page.cid):inspect().can)
  end)

  it("says so when it is looked at; one that may do all does not", function()
    local page, boss = limited({ "script", "io" }, plain)
    local c = s.conversation(page.cid):inspect()
    assert.same({ "io", "script" }, c.can)
    assert.equal("SPEC in " .. boss.cid, (c.limited_by:gsub("spec/sp%d+", "SPEC")))
    local free = s.conversation(boss.cid):inspect()
    assert.same({}, { free.can, free.limited_by })
    assert.same({}, s.conversation(limited({}, plain).cid):inspect().can)
  end)
end)

describe("who begins another one", function()
  it("gives no more than it has, and says which it lacks", function()
    local Child = counter()
    local page, boss = limited({ "spawn", "after" }, function(_, can)
      s.spawn(Child, { can = can })
    end)
    local shown = banner(page, { "after", "publish" })
    assert.matches("spawn_spec.lua:%d+: spawn: spec/sp%d+ cannot give", shown)
    assert.matches('cannot give the capability "publish", which it lacks: its '
      .. "conversation was limited by SPEC in " .. boss.cid,
      (shown:gsub("spec/sp%d+", "SPEC")), 1, true)
    assert.equal("OK", (go(page, { "after" })))
  end)

  it("gives what it has when nothing is asked, over two generations", function()
    local leaf, twig
    local Leaf = component { render = plain, on = { go = function(_, v)
      if v == "after" then s.after(1, "go") end
      if v == "publish" then s.publish("sp/t", 1) end
      if v == "atom" then votes:set(1) end
    end } }
    local Twig = component { render = plain, start = function() leaf = s.spawn(Leaf) end }
    go(limited({ "spawn", "after", "publish" }, function()
      twig = s.spawn(Twig, { can = { "after", "spawn" } })
    end))
    now()
    drive.restart()
    assert.same({ "after", "spawn" }, leaf:inspect().can)
    assert.equal(twig:inspect().limited_by, leaf:inspect().limited_by)
    local page = setmetatable({ cid = leaf.cid }, getmetatable(does(plain)))
    assert.equal("OK", (go(page, "after")))
    assert.matches('lacks the capability "publish"', banner(page, "publish"))
    assert.matches('lacks the capability "atom"', banner(page, "atom"))
  end)

  it("gives a fork what both it and the source may", function()
    local function publish() s.publish("sp/t", 1) end
    local free = does(publish)
    free:post { event = "-" }
    local few = limited({ "publish", "io" }, publish)
    local forks = {}
    local page = limited({ "spawn", "io", "after" }, function()
      forks = { s.conversation(free.cid):fork(), s.conversation(few.cid):fork() }
    end)
    go(page)
    local outside = s.conversation(few.cid):fork()
    settle()
    drive.restart()
    local own = s.conversation(page.cid):inspect()
    assert.same({ "io", "after", "spawn" }, forks[1]:inspect().can)
    assert.equal(own.limited_by, forks[1]:inspect().limited_by)
    assert.same({ "io" }, forks[2]:inspect().can)
    assert.same({ "io", "publish" }, outside:inspect().can)
    assert.is_nil(s.conversation(free.cid):fork():inspect().can)
    settle()
    local Page = getmetatable(page)
    assert.matches("lacks", banner(setmetatable({ cid = forks[1].cid }, Page)))
    assert.equal("OK", (go(setmetatable({ cid = outside.cid }, Page))))
  end)

  it("is told of a name that is none, with the nearest", function()
    local Child = counter()
    for name, words in pairs {
      publsh = 'there is no capability "publsh"; did you mean "publish"?',
      everything = 'there is no capability "everything" (io, publish, after, spawn, atom,',
    } do
      local ok, e = pcall(s.spawn, Child, { can = { name } })
      assert.is_false(ok)
      assert.matches(words, e, 1, true)
    end
    assert.error_matches(function() s.spawn(Child, { cna = {} }) end,
      'there is no key "cna"; did you mean "can"?')
    assert.error_matches(function()
      s.mount("/sp-can", Child, { can = { "atm" } })
    end, 'mount: there is no capability "atm"; did you mean "atom"?')
  end)
end)
