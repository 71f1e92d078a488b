-- wakeup: once after a process start, a fork or a rewind, before anything else happens.
local define = require "spec.lua.define" "w"
local dom = require "spec.lua.dom"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local component = define.component

local noted = {}
local function note(text) noted[#noted + 1] = text end
local function taken()
  local text = table.concat(noted, " ")
  noted = {}
  return text
end

--- Counts its wakings in `self`, and notes them.
local function waking(definition)
  local whole = {
    init = { n = 0, woken = 0 },
    render = function(self)
      return { "div", ("%s n %d woken %d"):format(self.name or "it", self.n, self.woken),
        s.slot "a", s.slot "b" }
    end,
    wakeup = function(self)
      self.woken = self.woken + 1
      note(self.name or "it")
    end,
    on = { inc = function(self)
      note "inc"
      self.n = self.n + 1
    end },
  }
  for key, value in pairs(definition or {}) do whole[key] = value end
  return component(whole)
end

describe("wakeup", function()
  before_each(taken)

  it("runs once after a process start, in a turn of its own before the event (5.4)", function()
    local page = visit(waking())
    page:post { event = "inc" }
    assert.equal("inc", taken())
    drive.restart()
    local _, sent = page:post { event = "inc" }
    assert.equal("it inc", taken())
    assert.not_equal(sent[1].turn, sent[#sent].turn)
    assert.matches("n 2 woken 1", page:text())
    page:post { event = "inc" }
    assert.equal("inc", taken())
    drive.restart()
    assert.matches("n 3 woken 2", page:text()) -- a page that is asked for, too
    page:post { event = "inc" }
    assert.equal("it inc", taken())
  end)

  it("does not run after sleep", function()
    local page = visit(waking())
    page:post { event = "inc" }
    drive.hot(0)
    finally(function() drive.hot() end)
    visit "ui/info"
    page:post { event = "inc" }
    assert.equal("inc inc", taken())
  end)

  it("runs for all that live, parents and callers first, covered ones too", function()
    local Child = waking()
    local page = visit(waking {
      init = { n = 0, woken = 0, name = "root" },
      children = { a = Child { name = "a" }, b = Child { name = "b" } },
      on = { over = function() s.call(Child { name = "over" }) end },
    })
    page:post { event = "over" }
    drive.restart()
    page:html()
    assert.equal("root a b over", taken())
  end)

  it("may wait and have effects", function()
    local page = visit(waking {
      wakeup = function(self)
        s.patch_signals { awake = true }
        self.answer = s.await(s.confirm "Go on?", { slot = "a" })
        note(tostring(self.answer))
      end,
    })
    page:post { event = "inc" }
    drive.restart()
    local _, sent = page:post { event = "inc" }
    assert.matches("awake", sent[2].body)
    assert.matches("Go on?", page:text())
    page:click "Yes"
    assert.equal("inc inc true", taken())
  end)

  it("that fails is a banner, and is not tried again (defect 18)", function()
    drive.log(false)
    finally(function() drive.log(true) end)
    local page = visit(waking {
      wakeup = function(self)
        self.n = 100
        note "tried"
        error "no morning"
      end,
    })
    page:post { event = "inc" }
    drive.restart()
    local model = dom.page(page:html(), false)
    page:post { event = "inc" }
    assert.equal("inc tried inc", taken())
    assert.matches("n 2", page:text())
    drive.restart()
    local _, sent = page:post { event = "-" }
    assert.matches("no morning", sent[1].body)
    assert.matches("wakeup of spec/w", sent[1].body)
    model:apply(sent)
  end)

  it("runs after going back, at once, and once", function()
    local page = visit(waking { on = {
      inc = function(self) self.n = self.n + 1 end,
      back = function() s.back() end,
    } })
    page:post { event = "inc" }
    page:post { event = "inc" }
    assert.equal("", taken())
    local _, sent = page:post { event = "back" }
    while drive.poll() > 0 do end
    assert.equal("it", taken())
    assert.equal(2, #sent) -- what was, and what wakeup made of it
    assert.matches("n 1 woken 1", page:text())
    page:post { event = "inc" }
    assert.equal("", taken())
    -- What wakeup changed belongs to the state that it woke in.
    page:post { event = "back" }
    while drive.poll() > 0 do end
    assert.matches("n 1 woken 2", page:text())
  end)

  it("runs in a fork once somebody has come to it", function()
    local page = visit(waking())
    page:post { event = "inc" }
    local fork = s.conversation(page.cid):fork()
    while drive.poll() > 0 do end
    assert.equal("inc", taken())
    local other = setmetatable({ cid = fork.cid }, getmetatable(page))
    assert.matches("woken 0", other:text()) -- it was only looked at
    assert.equal("", taken())
    other:post { event = "inc" }
    while drive.poll() > 0 do end
    assert.equal("it inc", taken())
    assert.matches("n 2 woken 1", other:text())
    assert.matches("n 1 woken 0", page:text())
  end)

  it("comes before a timer that fell due meanwhile", function()
    local page = visit(waking { on = {
      go = function() s.after(60, "tick") end,
      tick = function() note "tick" end,
    } })
    page:post { event = "go" }
    drive.restart()
    drive.advance(61)
    assert.equal("it tick", taken())
  end)

  it("is tried again when its turn could not be kept", function()
    local page = visit(waking())
    page:post { event = "inc" }
    drive.restart()
    drive.log(false)
    drive.hold(true)
    finally(function()
      drive.hold(false)
      drive.log(true)
    end)
    drive.post(page.cid, { event = "inc" })
    drive.settle(false)
    drive.poll()
    drive.hold(false)
    while drive.poll() > 0 do end
    page:post { event = "inc" }
    assert.equal("inc it it", taken():sub(1, 9))
    assert.matches("woken 1", page:text())
  end)
end)
