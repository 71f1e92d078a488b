-- Signals and scripts that no page has said it has: kept for a page that comes
-- back, and for no longer. The specs own the clock.
local define = require "spec.lua.define" "unseen"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local component = define.component

--- A page with an event that changes nothing, and one that runs a script of this
--- many bytes, behind a drawing.
local function scripted(more)
  local definition = {
    init = { n = 0 },
    render = function(self) return { "p", self.n } end,
    on = {
      run = function(self, bytes)
        self.n = self.n + 1
        s.execute_script(("run(%d)"):format(self.n) .. ("/"):rep((bytes or 0) - 6))
      end,
      quiet = function() end,
      fail = function()
        s.execute_script "failed()"
        error "no"
      end,
      signal = function(_, signals)
        s.patch_signals(signals or { open = true })
      end,
      patch = function() s.patch({ "i" }, { selector = "#root", mode = "append" }) end,
      over = function() s.finish() end,
    },
  }
  for key, value in pairs(more or {}) do definition[key] = value end
  return component(definition)
end

local function unseen(page, at) return drive.unseen(page.cid, at or "1.0") end

before_each(function()
  drive.restart(false)
  drive.collect()
  drive.advance(0)
end)

describe("what no page has acknowledged", function()
  it("is known to the next process, in order", function()
    local page = visit(scripted()):follow()
    page:post { event = "run" }
    page:post { event = "signal" }
    page:post { event = "run" }
    local all = { "run(1)", '{"open":true}', "run(2)" }
    assert.same(all, unseen(page))
    drive.restart()
    assert.same(all, unseen(page))
    page:post { event = "quiet" }
    drive.restart()
    assert.same(all, unseen(page))
  end)

  it("is numbered as it was sent: who has it does not get it again", function()
    local page = visit(scripted()):follow()
    local _, sent = page:post { event = "run" }
    assert.same({ "elements", "script" }, { sent[1].kind, sent[2].kind })
    assert.equal(2, sent[2].turn)
    assert.same({ "run(1)" }, unseen(page, "2.1"))
    assert.same({}, unseen(page, "2.2"))
    assert.same({}, unseen(page, "3.0"))
  end)

  it("is numbered behind the line that tells of the address, too", function()
    local page = visit(scripted { url = function(self) return "/" .. self.n end })
    page:follow()
    page:post { event = "run" } -- address, elements, script
    assert.same({ "run(1)" }, unseen(page, "2.2"))
    assert.same({}, unseen(page, "2.3"))
  end)

  it("goes when an event says that it is there, and not before", function()
    local page = visit(scripted()):follow()
    page:post { event = "run" }
    page:post { event = "run", seen = "2.1" }
    assert.same({ "run(1)", "run(2)" }, unseen(page))
    page:post { event = "quiet", seen = "2.2" }
    assert.same({ "run(2)" }, unseen(page))
    drive.restart()
    assert.same({ "run(2)" }, unseen(page))
    page:post { event = "fail", seen = "3.2" }
    assert.same({}, unseen(page))
    drive.restart()
    assert.same({}, unseen(page))
  end)

  it("is what effects asked for when the page began", function()
    local page = visit(scripted {
      start = function()
        s.execute_script "began()"
        s.patch_signals { a = 1 }
      end,
    }):follow()
    drive.restart()
    assert.same({ "began()", '{"a":1}' }, unseen(page))
    assert.same({ '{"a":1}' }, unseen(page, "1.1"))
    assert.same({}, unseen(page, "1.2"))
  end)

  it("is nothing that a drawing makes up for, or that was not kept", function()
    local page = visit(scripted()):follow()
    page:post { event = "patch" }
    page:post { event = "fail" }
    assert.same({}, unseen(page))
    drive.hold(true)
    drive.post(page.cid, { event = "run" })
    drive.settle(false)
    drive.hold(false)
    while drive.poll() > 0 do end
    assert.same({}, unseen(page))
  end)

  it("is not of an earlier state: going back leaves it", function()
    local page = visit(scripted()):follow()
    page:post { event = "run" }
    page:post { event = "run" }
    page:post { back = 2 }
    assert.matches("<p[^>]*>1<", page:html())
    assert.same({ "run(1)", "run(2)" }, unseen(page))
  end)

  it("is nothing of a fork's", function()
    local page = visit(scripted()):follow()
    page:post { event = "run" }
    local fork = s.conversation(page.cid):fork()
    while drive.poll() > 0 do end
    assert.same({}, drive.unseen(fork.cid, "0.0"))
  end)

  it("is kept for a minute", function()
    local page = visit(scripted()):follow()
    page:post { event = "run" }
    drive.advance(59)
    page:post { event = "run" }
    assert.same({ "run(1)", "run(2)" }, unseen(page))
    drive.advance(2)
    assert.same({ "run(2)" }, unseen(page))
    drive.restart()
    assert.same({ "run(2)" }, unseen(page))
  end)

  it("is 16 KiB at most: the oldest go", function()
    local page = visit(scripted()):follow()
    for _ = 1, 40 do page:post { event = "run", value = 1000 } end
    local all = unseen(page)
    assert.equal(16, #all) -- with their numbers
    assert.matches("^run%(25%)", all[1])
    assert.matches("^run%(40%)", all[16])
    page:post { event = "run", value = 20000 } -- too large by itself
    assert.same({}, unseen(page))
    page:post { event = "run" }
    assert.same({ "run(42)" }, unseen(page))
  end)

  it("is of signals the newest values, when the same ones are set again", function()
    local page = visit(scripted()):follow()
    local function set(signals)
      page:post { event = "signal", value = signals }
    end
    local function is(...) assert.same({ ... }, unseen(page)) end
    for n = 1, 3 do set { n = n } end
    is '{"n":3}'
    set { open = true }
    set { n = { 4, 5 } }
    is('{"open":true}', '{"n":[4,5]}')
    set { n = s.null, open = false } -- other names than either
    is('{"open":true}', '{"n":[4,5]}', '{"n":null,"open":false}')
    set { n = 'a ", "b":1', open = "{" }
    is('{"open":true}', '{"n":[4,5]}', [[{"n":"a \", \"b\":1","open":"{"}]])
    set { n = { { x = 1 }, "n" }, open = "\\" }
    is('{"open":true}', '{"n":[4,5]}', [[{"n":[{"x":1},"n"],"open":"\\"}]])
    set { n = { deep = { a = 1 } } }
    set { n = { deep = { b = 1 } } }
    set { n = { deep = { a = 2 } } }
    assert.same({ '{"n":{"deep":{"b":1}}}', '{"n":{"deep":{"a":2}}}' },
      table.move(unseen(page), 4, 5, 1, {}))
  end)

  it("is a few of thousands in one turn, the newest", function()
    local page = visit(scripted {
      on = { many = function()
        for n = 1, 9000 do s.patch_signals { ["k" .. n] = n } end
      end },
    }):follow()
    for _ = 1, 2 do page:post { event = "many" } end
    local all = unseen(page)
    assert.is_true(#all > 500 and #all < 1000)
    for i, json in ipairs(all) do
      local n = 9000 - #all + i
      assert.equal(('{"k%d":%d}'):format(n, n), json)
    end
  end)

  it("is of one turn's signals the last", function()
    local page = visit(scripted {
      start = function()
        for n = 1, 3 do s.patch_signals { n = n } end
        s.patch_signals { m = 1 }
      end,
    }):follow()
    assert.same({ '{"n":3}', '{"m":1}' }, unseen(page))
  end)

  it("costs a conversation nothing once it is acknowledged", function()
    local page = visit(scripted()):follow()
    page:post { event = "quiet" }
    local function bytes() return s.conversation(page.cid):inspect().bytes end
    page:post { event = "run" }
    local with = bytes()
    page:post { event = "quiet", seen = "3.2" }
    assert.is_true(with - bytes() >= 10)
  end)
end)
