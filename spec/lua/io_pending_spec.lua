-- Calls of s.io that are pending: through failures, restarts, ends, forks and steps back.
local s = require "stube"
local drive = require "stube.drive"
local jobs = require "spec.lua.io.jobs"
local pages = require "spec.lua.io.pages"
local visit = require "spec.lua.visit"

local banner, component, does, flow, go
  = pages.banner, pages.component, pages.does, pages.flow, pages.go
local lines, quietly, trace, with_pipe, write
  = pages.lines, pages.quietly, pages.trace, pages.with_pipe, pages.write

before_each(pages.begin)
teardown(function() drive.workers(false) end)

describe("a turn and its calls", function()
  it("that fails starts nothing, also when it fails in its drawing", function()
    local path = os.tmpname()
    local function fails(handler)
      return visit(component {
        on = { go = handler },
        render = function(self)
          if self.said ~= "" then error "undrawn" end
          return { "p" }
        end,
      })
    end
    banner(fails(function() s.background(jobs.note, path); error "no" end))
    banner(fails(function(self) s.background(jobs.note, path); self.said = "x" end))
    banner(fails(function(self) self.said = "x"; write(s.io(jobs.note, path)) end))
    drive.work()
    assert.same({}, lines(path))
    assert.same({}, trace)
    os.remove(path)
  end)

  it("whose commit fails starts nothing, and one that is kept starts it then", function()
    local path = os.tmpname()
    local page = does(function(self) s.io(jobs.note, path); self.said = "over" end):follow()
    drive.hold(true)
    local answer = drive.post(page.cid, { event = "go" })
    assert.same({ 0, 0, 0 }, { drive.calls() })
    quietly(function() drive.settle(false); drive.poll() end)
    assert.equal("ERR_UNAVAILABLE", answer.result)
    drive.hold(false)
    drive.work()
    assert.same({}, lines(path))
    go(page)
    assert.equal(1, #lines(path))
    assert.matches("said:over", page:html())
    os.remove(path)
  end)

  it("the result's turn that fails has consumed it: the task gets the error", function()
    local path = os.tmpname()
    local page = does(function()
      local ok, e = pcall(function()
        write(s.io(jobs.note, path))
        error "after"
      end)
      write(ok, e)
      error "again"
    end)
    page:post { event = "go" }
    quietly(function() drive.work() end)
    assert.equal("done", trace[1])
    assert.matches("^false .*after", trace[2])
    assert.equal(1, #lines(path))
    assert.equal(0, drive.rows "due")
    os.remove(path)
  end)

  it("the result of one whose commit failed is delivered again, and not made anew",
    function()
      local path = os.tmpname()
      local page = does(function(self)
        s.io(jobs.note, path)
        self.said = self.said .. "!"
        write("delivered")
      end)
      page:post { event = "go" }
      drive.wait(function() return drive.due() == 0 end)
      drive.hold(true)
      for _ = 1, 2 do
        drive.advance(0)
        quietly(function() drive.settle(false); drive.poll() end)
      end
      drive.hold(false)
      drive.work()
      assert.same({ "delivered", "delivered", "delivered" }, trace)
      assert.matches("said:!<", page:html())
      assert.equal(1, #lines(path))
      os.remove(path)
    end)

  it("that was the first is kept at once", function()
    local page = visit(component {
      start = function(self) self.said = s.io(jobs.add, 1, 2) end,
    })
    while drive.poll() > 0 do end
    assert.equal(1, drive.rows "due")
    drive.work()
    assert.matches("said:3", page:html())
  end)
end)

describe("a call that is pending", function()
  it("is recorded and inert where nobody runs it, and runs when somebody does", function()
    drive.workers(false)
    local page = does(function(self) self.said = s.io(jobs.add, 2, 2) end)
    page:post { event = "go" }
    drive.advance(s.hour)
    assert.matches("said:<", page:html())
    assert.equal(1, drive.rows "due")
    assert.is_nil(drive.due())
    drive.workers {}
    drive.restart()
    drive.work()
    assert.matches("said:4", page:html())
    assert.equal(0, drive.rows "due")
  end)

  it("runs again after a restart, under the same id, and counts once", function()
    local notes = os.tmpname()
    with_pipe(function(pipe)
      local page = does(function(self)
        self.said = self.said .. s.io(jobs.note, notes, pipe.path)
      end)
      page:post { event = "go" }
      pipe:wait()     -- it runs
      drive.restart() -- and the process dies
      pipe:give "lost"
      drive.wait(function() return drive.calls() == 0 end)
      pipe:open()
      drive.advance(0)
      pipe:wait(2)
      assert.matches("said:<", page:html())
      pipe:give "x"
      drive.work()
      assert.matches("said:x<", page:html())
      local ids = lines(notes)
      assert.equal(2, #ids)
      assert.equal(ids[1], ids[2])
      assert.matches("^" .. page.cid:gsub("%-", "%%-") .. "%-%d+$", ids[1])
      drive.restart()
      drive.work()
      assert.matches("said:x<", page:html())
      assert.equal(2, #lines(notes))
    end)
    os.remove(notes)
  end)

  it("has an id of its own", function()
    local page = does(function() write(s.io(jobs.id)) end)
    local other = does(function() write(s.io(jobs.id)) end)
    go(page)
    go(page)
    go(other)
    assert.is_false(trace[1] == trace[2])
    assert.is_false(trace[1] == trace[3])
  end)

  it("is taken on from the store by many, as far as there is room", function()
    drive.workers(false)
    local Waits = component {
      init = { sum = 0, n = 0 },
      render = function(self) return { "p", "sum:", self.sum } end,
      on = { go = function(self)
        local got = s.io(jobs.add, self.n, 1)
        self.sum = self.sum + got
      end },
    }
    local all = {}
    for i = 1, 100 do
      all[i] = visit(Waits { n = i })
      for _ = 1, 3 do all[i]:post { event = "go" } end
    end
    drive.workers { n = 4, waiting = 20 }
    drive.restart()
    drive.work()
    for i, page in ipairs(all) do
      assert.matches("sum:" .. 3 * (i + 1) .. "<", page:html())
    end
  end)

  it("lets its conversation sleep, and leave memory", function()
    with_pipe(function(pipe)
      drive.hot(1)
      local page = does(function(self) self.said = s.io(jobs.read, pipe.path) end)
      page:post { event = "go" }
      pipe:wait()
      for _ = 1, 3 do does(function() end):post { event = "go" } end
      local before = drive.stats().fetches
      pipe:give "woken"
      drive.work()
      assert.is_true(drive.stats().fetches > before)
      assert.matches("said:woken", page:html())
      drive.hot()
    end)
  end)

  it("ends with its instance, and with its conversation", function()
    local Child = component {
      start = function() write(s.io(jobs.forever)) end,
      on = { go = function() end },
    }
    local page = visit(component {
      init = { has = true },
      children = function(self) return { a = self.has and Child or nil } end,
      render = function() return { "div", s.slot "a" } end,
      on = { go = function(self) self.has = false end, done = function() s.finish() end },
    })
    while drive.poll() > 0 do end
    drive.wait(function() return drive.calls() == 1 end)
    go(page)
    assert.equal(0, drive.rows "due")
    page = does(function() write(s.io(jobs.forever)) end, { done = function() s.finish() end })
    page:post { event = "go" }
    drive.wait(function() return drive.calls() == 1 end)
    page:post { event = "done" }
    drive.work()
    assert.is_false(drive.alive(page.cid))
    assert.equal(0, drive.rows "due")
    assert.same({}, trace)
  end)

  it("ends when what was called is cancelled, and its <close> runs", function()
    local Asks = flow(function()
      local _ <close> = setmetatable({}, { __close = function() write "closed" end })
      write(s.io(jobs.forever))
    end)
    local page = does(function()
      write("answer", s.await(Asks))
    end, { done = function() s.cancel() end })
    page:post { event = "go" }
    drive.wait(function() return drive.calls() == 1 end)
    page:post { to = "ix-1", event = "done" }
    drive.work()
    assert.same({ "closed" }, trace)
  end)

  it("may have a timeout", function()
    local page = does(function(self)
      self.said = table.concat({ tostring(s.io({ timeout = 2 }, jobs.forever)) }, " ")
      local v, why = s.io({ timeout = 2 }, jobs.forever)
      self.said = tostring(v) .. " " .. why
    end)
    page:post { event = "go" }
    page:advance(2)
    page:advance(2)
    drive.work()
    assert.matches("said:nil timeout", page:html())
    assert.equal(0, drive.rows "due")
    page = does(function() write(s.io({ timeout = 2 }, jobs.add, 1, 2)) end)
    go(page)
    page:advance(5)
    assert.same({ "3" }, trace)
  end)

  it("of a fork rests until that is opened, and has an id of its own", function()
    local notes = os.tmpname()
    with_pipe(function(pipe)
      local page = does(function(self) self.said = s.io(jobs.note, notes, pipe.path) end)
      page:post { event = "go" }
      pipe:wait()
      -- The source is as it was when it asked: its result has not been looked at.
      local fork = s.conversation(page.cid):fork()
      while drive.poll() > 0 do end
      drive.advance(1)
      assert.equal(1, #lines(notes))
      drive.promote(fork.cid)
      while drive.poll() > 0 do end
      pipe:wait(2)
      pipe:give "fork's own"
      drive.work()
      -- One of the two readers got what there was to read.
      local all = drive.page(fork.cid) .. page:html()
      assert.matches("said:fork&#39;s own", all)
      local ids = lines(notes)
      assert.equal(2, #ids)
      assert.equal(page.cid, ids[1]:sub(1, #page.cid))
      assert.equal(fork.cid, ids[2]:sub(1, #fork.cid))
    end)
    os.remove(notes)
  end)
end)

describe("going back", function()
  local function page_with(path)
    return does(function(self)
      self.said = self.said .. "?"
      self.said = self.said .. s.io(jobs.read, path)
    end, {
      add = function(self, v) self.said = self.said .. v end,
      back = function() s.back() end,
    })
  end
  local function turns(page)
    local all = {}
    for i, point in ipairs(s.conversation(page.cid):turns()) do
      all[i] = point.turn .. (point.now and "!" or "") .. (point.undone and "-" or "")
    end
    return table.concat(all, " ")
  end
  local function check(page) -- states of all turns can be read
    for _, point in ipairs(s.conversation(page.cid):turns()) do
      assert.is_table(s.conversation(page.cid):state(nil, point.turn))
    end
  end

  it("leads past a turn that waited for a call, which is cancelled", function()
    with_pipe(function(pipe)
      local page = page_with(pipe.path)
      page:post { event = "add", value = "a" }
      page:post { event = "go" }
      page:post { event = "add", value = "b" }
      pipe:wait()
      assert.matches("said:a%?b", page:html())
      assert.equal("1 2 4!", turns(page)) -- no turn 3: it waited
      check(page)
      page:post { back = true }
      assert.matches("said:a<", page:html())
      assert.equal("1 2!", turns(page):gsub(" 4%-", ""))
      check(page)
      assert.equal(0, drive.rows "due")
      pipe:give "late"
      drive.work()
      assert.matches("said:a<", page:html())
    end)
  end)

  it("from a turn that waits leaves no way forward to it", function()
    with_pipe(function(pipe)
      local page = page_with(pipe.path)
      for _, v in ipairs { "a", "b", "c" } do page:post { event = "add", value = v } end
      page:post { event = "go" }
      page:post { back = true }
      assert.matches("said:abc<", page:html())
      assert.equal("1 2 3 4!", turns(page))
      page:post { back = true }
      assert.matches("said:ab<", page:html())
      check(page)
      page:post { back = 4 }
      assert.matches("said:abc<", page:html())
      check(page)
    end)
  end)

  it("to where a call has ended gives what it gave (B:log)", function()
    with_pipe(function(pipe)
      local page = page_with(pipe.path)
      page:post { event = "go" }
      pipe:wait()
      pipe:give "it"
      drive.work()
      page:post { event = "add", value = "!" }
      page:post { back = true }
      assert.matches("said:%?it<", page:html())
      check(page)
    end)
  end)

  it("while a timer's turn waits for a call, ways back and forward stay whole", function()
    with_pipe(function(pipe)
      local page = does(function(self, v) self.said = self.said .. v end, {
        later = function() s.after(1, "tick") end,
        tick = function(self) self.said = self.said .. "?" .. s.io(jobs.read, pipe.path) end,
      })
      for _, v in ipairs { "a", "b" } do page:post { event = "go", value = v } end
      page:post { event = "later" }
      page:post { event = "go", value = "c" }
      page:post { back = true }
      page:advance(1) -- the present waits now, with a point on either side
      check(page)
      page:post { back = 5 } -- forward
      assert.matches("said:abc<", page:html())
      check(page)
      page:post { back = 2 }
      assert.matches("said:a<", page:html())
      check(page)
    end)
  end)
end)
