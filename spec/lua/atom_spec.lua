-- Atoms: one value for all conversations, kept with the turn that changed it.
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local serial = 0
--- A fresh atom with this value. (What a load makes is the host's.)
local function fresh(initial)
  serial = serial + 1
  return s.atom("spec/a" .. serial, initial)
end

local shared -- the atom of the running spec

local Part = s.component("spec/atom-part", {
  render = function(self) return { "b", "part ", self.at, " ", shared:get().n } end,
  init = { at = "" },
})

local Reader = s.component("spec/atom-reader", {
  init = { asked = 0 },
  children = function()
    local kids = {}
    for i = 1, shared:get().n do kids[i] = { i, Part { at = i } } end
    return { parts = kids }
  end,
  render = function() return { "div", "n is ", shared:get().n, s.slot("parts", { "ul" }) } end,
  on = {
    inc = function() shared:update(function(v) v.n = v.n + 1 end) end,
    swap = function() shared:update(function(v) return { n = v.n * 10 } end) end,
    set = function(_, n) shared:set { n = n } end,
    fail = function() shared:update(function(v) v.n = 99 end); error "no" end,
    twice = function()
      shared:update(function(v) v.n = v.n + 1 end)
      shared:update(function(v) v.n = v.n + 1 end)
      assert(shared:get().n == shared:update(function() end).n)
    end,
    spoil = function() shared:get().n = 77 end,
  },
})

local Watcher = s.component("spec/atom-watcher", {
  init = { heard = "" },
  start = function() shared:watch "changed" end,
  render = function(self) return { "p", "heard", self.heard } end,
  on = {
    changed = function(self, value) self.heard = self.heard .. " " .. value.n end,
    inc = function() shared:update(function(v) v.n = v.n + 1 end) end,
  },
})

local function open(component) return visit(component):follow() end
local function pass() return drive.advance(0) end

describe("an atom", function()
  setup(function() drive.collect(); drive.log(false) end)
  teardown(function() drive.log(true) end)

  it("has its initial value until somebody sets it, and the newest afterwards", function()
    shared = fresh { n = 2 }
    local page = open(Reader)
    assert.matches("n is 2", page:text())
    page:post { event = "inc" }
    assert.matches("n is 3", page:text())
    page:post { event = "swap" }
    assert.matches("n is 30", page:text())
    page:post { event = "set", value = 4 }
    assert.matches("n is 4", page:text())
    assert.equal(4, shared:get().n)
  end)

  it("draws who reads it again, in every conversation, children included", function()
    shared = fresh { n = 1 }
    local a, b = open(Reader), open(Reader)
    a:text() b:text()
    a:post { event = "inc" }
    drive.take()
    pass()
    local sent = drive.take()
    assert.is_true(#sent > 0)
    for _, fragment in ipairs(sent) do assert.equal(b.cid, fragment.cid) end
    assert.matches("n is 2 part 1 2 part 2 2", b:text())
    pass()
    assert.equal(0, #drive.take()) -- once
  end)

  it("changes nothing when the turn fails", function()
    shared = fresh { n = 1 }
    local a, b = open(Reader), open(Reader)
    local result = a:post { event = "fail" }
    assert.equal("ERR_APP", result)
    pass()
    assert.equal(1, shared:get().n)
    assert.matches("n is 1", b:text())
  end)

  it("can be changed more than once in a turn", function()
    shared = fresh { n = 1 }
    local page = open(Reader)
    assert.equal("OK", (page:post { event = "twice" }))
    assert.matches("n is 3", page:text())
  end)

  it("gives each turn a copy that changes nothing", function()
    shared = fresh { n = 1 }
    local page = open(Reader)
    page:post { event = "spoil" }
    assert.matches("n is 1", page:text())
    assert.equal(1, shared:get().n)
  end)

  it("is undone with a commit that fails, and so is what was computed on it", function()
    shared = fresh { n = 1 }
    local a, b = open(Reader), open(Reader)
    drive.hold(true)
    local first = drive.post(a.cid, { event = "inc" })
    local second = drive.post(b.cid, { event = "inc" })
    assert.equal(3, shared:get().n) -- the newest executed
    drive.settle(false)
    drive.hold(false)
    while drive.poll() > 0 do end
    assert.equal("ERR_UNAVAILABLE", first.result)
    assert.equal("ERR_UNAVAILABLE", second.result)
    assert.equal(1, shared:get().n)
    assert.matches("n is 1", b:text())
    a:post { event = "inc" }
    assert.matches("n is 2", a:text())
  end)

  it("tells who watches, once for several changes", function()
    shared = fresh { n = 1 }
    local reader, watcher = open(Reader), open(Watcher)
    reader:post { event = "twice" }
    pass()
    assert.matches("heard 3", watcher:text())
    watcher:post { event = "inc" }
    assert.matches("heard 3 4", watcher:text())
    pass()
    assert.matches("heard 3 4 *$", watcher:text())
  end)

  it("outlives the process, and who slept is drawn when it wakes", function()
    shared = fresh { n = 1 }
    local a, b, w = open(Reader), open(Reader), open(Watcher)
    a:text() b:text() w:text()
    drive.restart()
    a:post { event = "inc" }
    assert.matches("n is 2", a:text())
    drive.restart()
    assert.equal(2, shared:get().n)
    assert.matches("n is 2 part 1 2 part 2 2", b:text())
    w:post { event = "-" }
    assert.matches("heard 2", w:text())
  end)

  it("can be changed outside of conversations", function()
    shared = fresh { n = 1 }
    local page = open(Reader)
    page:text()
    shared:update(function(v) v.n = 5 end)
    while drive.poll() > 0 do end
    pass()
    assert.equal(page.cid, drive.take()[1].cid)
    drive.restart()
    assert.equal(5, shared:get().n)
  end)

  it("says what it cannot hold, and where it cannot be changed", function()
    shared = fresh { n = 1 }
    local function refuses(words, f)
      local C = s.component("spec/atom-refuses", {
        render = function() return { "p" } end, on = { go = f } })
      local _, sent = visit(C):post { event = "go" }
      assert.matches(words, sent[1].body)
    end
    refuses("update: plain values are wanted, and the value.f is a function", function()
      shared:update(function(v) v.f = print end)
    end)
    refuses("set: the value has over %d+ bytes", function()
      shared:set(("x"):rep(300 * 1024))
    end)
    refuses("cannot await in an atom&#39;s update", function()
      shared:update(function() s.await(s.info "x") end)
    end)
    refuses("spec/lua/atom_spec.lua:%d+: update: an atom cannot be changed in an atom",
      function() shared:update(function() shared:update(function() end) end) end)
    assert.error_matches(function()
      shared:update(function() shared:update(function() end) end)
    end, "is being updated already")
    refuses("get: called on no atom %(is it atom:get%(...%)%?%)", function()
      shared.get()
    end)
    refuses("effects cannot be used in an atom&#39;s update", function()
      shared:update(function() s.answer(1) end)
    end)
    refuses("name has 1 to 200 bytes", function() s.atom(("n"):rep(201)) end)
    local Draws = s.component("spec/atom-draws", {
      render = function() shared:set { n = 3 } return { "p" } end })
    assert.matches("an atom cannot be changed in render", visit(Draws).first)
    assert.equal(1, shared:get().n)
  end)

  it("is itself after an update that raised and was caught", function()
    shared = fresh { n = 1 }
    local C = s.component("spec/atom-caught", {
      render = function() return { "p", shared:get().n } end,
      on = { go = function()
        assert(not pcall(function()
          shared:update(function(v) v.n = 9; error "no" end)
        end))
        shared:update(function(v) v.n = v.n + 1 end)
        s.await(s.info "goes on") -- and it may wait again
      end } })
    drive.collect()
    local page = open(C)
    assert.equal("OK", (page:post { event = "go" }))
    assert.matches("goes on", page:text())
    assert.equal(2, shared:get().n)
  end)

  it("does not wake a fork that nobody has opened", function()
    shared = fresh { n = 1 }
    local page = open(s.component("spec/atom-rests", {
      init = { ticks = 0 },
      start = function() s.after(5, "tick") end,
      render = function(self) return { "p", "n is ", shared:get().n, " ticks ", self.ticks } end,
      on = { tick = function(self) self.ticks = self.ticks + 1 end },
    }))
    local fork = s.conversation(page.cid):fork()
    while drive.poll() > 0 do end
    drive.page(fork.cid) -- it is in memory, and reads the atom
    drive.advance(10)
    for n = 2, 6 do -- in turn with what else is due
      shared:set { n = n }
      while drive.poll() > 0 do end
      pass()
    end
    assert.equal(0, fork:state().ticks)
    assert.matches("n is 6 ticks 0", drive.page(fork.cid))
    assert.equal(0, fork:state().ticks)
    assert.equal(1, s.conversation(page.cid):state().ticks)
  end)

  it("is told once to one that is covered, however often that falls asleep", function()
    shared = fresh { n = 1 }
    local page = open(s.component("spec/atom-covered", {
      render = function() return { "p", "n is ", shared:get().n } end,
      on = { ask = function() s.await(s.info "Hm.") end },
    }))
    page:post { to = "ix-1", event = "ask" }
    shared:set { n = 2 }
    while drive.poll() > 0 do end
    pass()
    local other = open(Part { at = "else" })
    local turns = drive.stats().turns
    for _ = 1, 3 do
      drive.hot(0)
      other:html() -- it makes room, and falls asleep
      drive.hot()
      assert.matches("Hm.", page:text())
      pass()
    end
    assert.equal(turns + 6, drive.stats().turns) -- six drawings, and no turn besides
    page:click "OK"
    assert.matches("n is 2", page:text())
  end)
end)
