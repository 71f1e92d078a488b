-- Conversations that nobody has come to for long: conversation_ttl. TTL is 800
-- seconds here, so a sign of life is kept when the last one is 100 seconds old.
local s = require "stube"
local drive = require "stube.drive"
local visit = require "spec.lua.visit"

local TTL, STEP = 800, 100
local stopped

local function stops(name) return function() stopped[#stopped + 1] = name end end

local Leaf = s.component("reap/leaf", {
  stop = stops "leaf", render = function() return { "i" } end,
})
s.component("reap/root", {
  init = { n = 0 },
  children = { leaf = Leaf },
  stop = stops "root",
  render = function(self)
    return { "div", self.n, s.slot "leaf",
      { "button", on_click = "inc", "inc" },
      { "button", on_click = "call", "call" },
      { "button", on_click = "tick", "tick" } }
  end,
  on = {
    inc = function(self) self.n = self.n + 1 end,
    call = function() s.call("reap/callee", "inc") end,
    tick = function(self) self.n = self.n + 1; s.after(50, "tick") end,
  },
})
s.component("reap/callee", {
  stop = stops "callee", render = function() return { "b" } end,
})

-- A conversation that is saved, in the store.
local function saved(component)
  local page = visit(component or "reap/root")
  page:click "inc"
  return page
end

local function pass(seconds)
  drive.advance(seconds)
  drive.reap()
end

describe("a conversation that nobody comes to", function()
  setup(function()
    drive.collect()
    drive.restart(false) -- alone in the store
  end)
  before_each(function()
    s.config { conversation_ttl = TTL }
    pass(4000) -- what is left of others, and the grace after a start
    stopped = {}
  end)
  teardown(function() s.config { conversation_ttl = 0 } end)

  it("ends when its time is over, and not before: hooks run, pages are told (20.4)", function()
    local page = saved()
    pass(TTL)
    assert.is_true(drive.alive(page.cid))
    drive.take()
    pass(STEP + 1)
    assert.is_false(drive.alive(page.cid))
    assert.same({ "leaf", "root" }, stopped)
    local last = drive.take()
    assert.equal("close", last[#last].kind)
    assert.equal("gone", last[#last].body)
  end)

  it("leaves nothing in the store", function()
    local seen, due = drive.rows "seen", drive.rows "due"
    local page = saved()
    page:click "tick"
    assert.equal(seen + 1, drive.rows "seen")
    assert.equal(due + 1, drive.rows "due")
    pass(TTL + 2 * STEP)
    assert.equal(seen, drive.rows "seen")
    assert.equal(due, drive.rows "due")
  end)

  it("stays for ever when there is no ttl", function()
    s.config { conversation_ttl = 0 }
    local page = saved()
    pass(100 * TTL)
    assert.is_true(drive.alive(page.cid))
  end)

  it("ends with all that it called, the newest first", function()
    local page = saved()
    page:click "call"
    pass(TTL + 2 * STEP)
    assert.same({ "callee", "leaf", "root" }, stopped)
  end)

  it("is kept by events and by pages, counted from the last", function()
    local page = saved()
    for _ = 1, 3 do
      pass(TTL - STEP)
      page:click "inc"
      pass(TTL - STEP)
      page:html()
    end
    pass(TTL)
    assert.is_true(drive.alive(page.cid))
    pass(2 * STEP)
    assert.is_false(drive.alive(page.cid))
  end)

  it("is kept by an open stream, and has its time after that (20.4, defect 17)", function()
    local page = saved()
    drive.follow(page.cid, true)
    for _ = 1, 5 do pass(TTL) end
    assert.is_true(drive.alive(page.cid))
    drive.follow(page.cid, false)
    pass(TTL)
    assert.is_true(drive.alive(page.cid))
    pass(2 * STEP)
    assert.is_false(drive.alive(page.cid))
  end)

  it("is not kept by its timers", function()
    local page = saved()
    page:click "tick"
    pass(TTL + 2 * STEP)
    assert.is_false(drive.alive(page.cid))
  end)

  it("writes a sign of life now and then, not each time", function()
    local page = saved()
    drive.advance(STEP)
    page:html()
    page:html()
    local before = drive.commits()
    for _ = 1, 20 do
      drive.advance(1)
      page:html()
      drive.follow(page.cid, true)
      drive.follow(page.cid, false)
    end
    assert.equal(before, drive.commits())
    drive.advance(STEP)
    page:html()
    drive.follow(page.cid, true)
    assert.equal(before + 1, drive.commits())
    drive.follow(page.cid, false)
  end)

  it("ends whatever its stop hooks do", function()
    local hooks = {
      fails = function() error "no" end,
      loops = function() while true do pcall(error) end end,
      waits = function() s.await(s.confirm "?") end,
    }
    local pages = {}
    for name, stop in pairs(hooks) do
      s.component("reap/" .. name, {
        stop = stop,
        render = function()
          return { "button", on_click = "inc", "inc" }
        end,
        on = { inc = function() end },
      })
      pages[#pages + 1] = saved("reap/" .. name)
    end
    pages[#pages + 1] = saved()
    drive.log(false)
    pass(TTL + 2 * STEP)
    drive.log(true)
    for _, page in ipairs(pages) do assert.is_false(drive.alive(page.cid)) end
    assert.same({ "leaf", "root" }, stopped)
  end)

  it("may say goodbye in its stop hooks", function()
    local heard
    s.component("reap/hears", {
      start = function() s.subscribe("reap/bye", "bye") end,
      render = function() return { "button", on_click = "inc", "inc" } end,
      on = { inc = function() end, bye = function(_, who) heard = who end },
    })
    s.component("reap/says", {
      stop = function() s.publish("reap/bye", "says") end,
      render = function() return { "button", on_click = "inc", "inc" } end,
      on = { inc = function() end },
    })
    saved "reap/says"
    drive.advance(TTL - STEP)
    saved "reap/hears"
    pass(3 * STEP)
    drive.advance(1)
    assert.equal("says", heard)
  end)

  it("ends when only the store knows it", function()
    local a = saved()
    drive.advance(TTL - 2 * STEP)
    local b = saved()
    drive.restart()
    drive.reap() -- begins to count
    pass(TTL - STEP) -- time of grace: pages that were open come back
    assert.is_true(drive.alive(b.cid))
    drive.restart() -- forgets what `alive` loaded
    drive.reap()
    pass(TTL + STEP)
    assert.is_false(drive.alive(a.cid))
    assert.is_false(drive.alive(b.cid))
    assert.same({ "leaf", "root", "leaf", "root" }, stopped)
  end)

  it("keeps its signs of life over a restart", function()
    local page = saved()
    drive.advance(TTL - STEP)
    page:html() -- looked at
    drive.restart()
    drive.reap()
    pass(TTL - STEP)
    assert.is_true(drive.alive(page.cid))
    pass(3 * STEP)
    assert.is_false(drive.alive(page.cid))
  end)

  it("may be a fork that nobody has opened", function()
    local page = saved()
    local fork = s.conversation(page.cid):fork()
    while drive.poll() > 0 do end
    drive.follow(page.cid, true)
    pass(TTL + 2 * STEP)
    assert.is_true(drive.alive(page.cid))
    assert.is_false(drive.alive(fork.cid))
    drive.follow(page.cid, false)
  end)

  it("ends beside many others", function()
    local pages = {}
    for i = 1, 200 do pages[i] = saved() end
    drive.advance(TTL - STEP)
    for i = 1, 200, 2 do pages[i]:html() end
    pass(3 * STEP)
    for i = 1, 200 do
      assert.equal(i % 2 == 1, drive.alive(pages[i].cid), i)
    end
  end)
end)
