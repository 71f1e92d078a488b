-- Conversations that only the store knows, found without waiting for it.
local s = require "stube"
local drive = require "stube.drive"
local visit = require "spec.lua.visit"

local Counter = s.component("fetch/counter", {
  init = { n = 0 },
  render = function(self)
    return { "div", { "output", self.n }, { "button", on_click = "inc", "+" } }
  end,
  on = { inc = function(self) self.n = self.n + 1 end },
})

describe("a conversation that only the store knows", function()
  local page, other, in_memory

  --- All but `other` leave memory.
  local function leave()
    drive.hot(1)
    other:html()
    in_memory = drive.stats().conversations
  end

  before_each(function()
    drive.collect()
    page, other = visit(Counter), visit(Counter)
    page:click "+"
    other:click "+"
    leave()
  end)

  after_each(function()
    drive.hold(false)
    drive.hot()
    while drive.poll() > 0 do end
  end)

  it("is read once for all who ask, and found by each", function()
    local before = drive.stats().fetches
    drive.hold(true)
    local one, two = drive.fetch(page.cid), drive.fetch(page.cid)
    drive.poll()
    assert.is_nil(one.found)
    drive.hold(false)
    drive.poll()
    assert.is_true(one.found)
    assert.is_true(two.found)
    assert.equal(before + 1, drive.stats().fetches)
  end)

  it("is found at once when it is in memory", function()
    local before = drive.stats().fetches
    assert.is_true(drive.fetch(other.cid).found)
    assert.equal(before, drive.stats().fetches)
  end)

  it("leaves memory again when nobody had a use for it", function()
    local f = drive.fetch(page.cid)
    assert.is_nil(f.found)
    drive.poll()
    assert.is_true(f.found)
    assert.equal(in_memory, drive.stats().conversations)
  end)

  it("may be none at all", function()
    local unknown = drive.fetch(("A"):rep(#page.cid))
    local malformed = drive.fetch("no cid")
    assert.equal("ERR_NOT_FOUND", malformed.result)
    drive.poll()
    assert.is_false(unknown.found)
    assert.equal("ERR_NOT_FOUND", unknown.result)
  end)

  it("is read again when it was changed and left memory meanwhile", function()
    local before = drive.stats().fetches
    drive.hold(true)
    local f = drive.fetch(page.cid)
    local iid, event = page:html():match("/conv/[^/]+/([^/]+)/([^?]+)%?")
    local answer = drive.post(page.cid, { to = iid, event = event })
    drive.settle(true)
    drive.poll()
    assert.equal("OK", answer.result)
    leave()
    drive.hold(false)
    while drive.poll() > 0 do end
    assert.is_true(f.found)
    assert.equal(before + 2, drive.stats().fetches)
    assert.equal("OK", page:click "+")
    assert.matches("<output>3</output>", page:html())
  end)

  it("is not found when it ended meanwhile", function()
    local Quits = s.component("fetch/quits", {
      render = function()
        return { "div", { "button", on_click = "quit", "quit" },
          { "button", on_click = "stay", "stay" } }
      end,
      on = { quit = function() s.finish() end, stay = function() end },
    })
    local gone = visit(Quits)
    gone:click "stay"
    leave()
    drive.hold(true)
    local f = drive.fetch(gone.cid)
    local iid, event = gone:html():match("/conv/[^/]+/([^/]+)/([^?]+)%?")
    drive.post(gone.cid, { to = iid, event = event })
    drive.settle(true)
    drive.poll()
    drive.hold(false)
    while drive.poll() > 0 do end
    assert.is_false(f.found)
  end)
end)
