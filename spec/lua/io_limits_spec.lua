-- s.io's limits, and s.background.
local s = require "stube"
local drive = require "stube.drive"
local jobs = require "spec.lua.io.jobs"
local pages = require "spec.lua.io.pages"

local banner, does, go, lines
  = pages.banner, pages.does, pages.go, pages.lines
local quietly, trace, with_pipe, write
  = pages.quietly, pages.trace, pages.with_pipe, pages.write

before_each(pages.begin)
teardown(function() drive.workers(false) end)

describe("limits of io", function()
  it("a conversation may wait for 16 calls", function()
    drive.workers { n = 2, pending = 2 }
    with_pipe(function(pipe)
      local page = does(function() s.io(jobs.read, pipe.path) end)
      page:post { event = "go" }
      page:post { event = "go" }
      assert.matches("io: 2 calls of this conversation run already "
        .. "%(limits.io_pending%)", banner(page))
      pipe:wait(2)
      pipe:give()
      drive.work()
    end)
  end)

  it("so many calls may run and wait; the next one is an error (15.7)", function()
    drive.workers { n = 1, waiting = 2 }
    with_pipe(function(pipe)
      local page = does(function(_, n)
        write(n, pcall(s.io, n == 1 and jobs.read or jobs.echo, pipe.path))
      end)
      for n = 1, 3 do page:post { event = "go", value = n } end
      drive.work(2)
      assert.matches("^3 false io: 2 calls run or wait for a worker already "
        .. "%(limits.io_waiting%)", trace[1])
      pipe:wait()
      pipe:give "x"
      drive.work()
      assert.same({ "1 true x", "2 true " .. pipe.path }, { trace[2], trace[3] })
      go(page, 4)
      assert.equal("4 true " .. pipe.path, trace[4])
    end)
  end)

  it("one that loops without end is stopped, and its worker goes on", function()
    drive.workers { n = 1 }
    local page = does(function(self, f)
      local ok, e = pcall(s.io, jobs[f], 1, 1)
      self.said = tostring(ok) .. " " .. tostring(e)
    end)
    go(page, "count_up")
    drive.patience(0.05)
    quietly(function() go(page, "forever") end)
    assert.matches("said:false io: no result within 0.05 s %(limits.io_time%)", page:html())
    drive.patience(60)
    drive.wait(function() return select(3, drive.calls()) == 0 end)
    go(page, "count_up") -- it still knows of the first time
    assert.matches("said:true 2", page:html())
  end)

  --- Lets a call block in C until its time is over.
  local function lose(page, pipe, n)
    page:post { event = "go", value = "read" }
    pipe:wait(n)
    drive.patience(0.01)
    quietly(drive.work)
    drive.patience(60)
  end

  it("one that never returns from C is given up; another worker comes", function()
    drive.workers { n = 1 }
    with_pipe(function(pipe)
      local page = does(function(self, f)
        local ok, e = pcall(s.io, jobs[f], f == "read" and pipe.path or 1, 1)
        self.said = tostring(ok) .. " " .. tostring(e)
      end)
      lose(page, pipe, 1)
      assert.matches("said:false io: no result within", page:html())
      assert.equal(1, select(3, drive.calls()))
      go(page, "add")
      assert.matches("said:true 2", page:html())
      pipe:give "too late" -- it comes back, and nobody hears it
      drive.wait(function() return select(3, drive.calls()) == 0 end)
      go(page, "add")
      assert.matches("said:true 2", page:html())
    end)
  end)

  it("when all workers are lost, what comes is an error at once", function()
    drive.workers { n = 1 }
    with_pipe(function(pipe)
      local page = does(function(_, f)
        write(pcall(s.io, jobs[f], f == "read" and pipe.path or 1, 1))
      end)
      for n = 1, 17 do lose(page, pipe, n) end
      assert.equal(17, select(3, drive.calls()))
      go(page, "add")
      assert.matches("^false io: no worker is left", trace[18])
      pipe:give() -- all of them come back
      drive.wait(function() return select(3, drive.calls()) == 0 end)
      go(page, "add")
      assert.equal("true 2", trace[19])
    end)
  end)

  it("results have so many bytes", function()
    drive.workers { result = 1000 }
    local page = does(function(_, n) write(pcall(s.io, jobs.long, n)) end)
    go(page, 900)
    go(page, 1000)
    assert.matches("^true xxx", trace[1])
    assert.matches("^false io: .*larger than 1000 bytes.*%(see limits.io_result%)", trace[2])
  end)

  it("one call may use so much of Lua's memory, and the worker goes on", function()
    drive.workers { n = 1, memory = 4 * 1024 * 1024 }
    local page = does(function(_, f) write(pcall(s.io, jobs[f], 1, 1)) end)
    go(page, "hoards")
    go(page, "add")
    assert.matches("^false io: the call used more than 4 MiB of memory "
      .. "%(limits.io_memory%)", trace[1])
    assert.equal("true 2", trace[2])
  end)
end)

describe("background", function()
  it("runs its function once the turn is kept, and forgets what it gives", function()
    local path = os.tmpname()
    local page = does(function(self)
      s.background(jobs.note, path)
      self.said = "at once"
    end)
    page:post { event = "go" }
    assert.matches("said:at once", page:html())
    drive.work()
    assert.equal(1, #lines(path))
    assert.equal(0, drive.rows "due")
    drive.restart()
    drive.work()
    assert.equal(1, #lines(path))
    os.remove(path)
  end)

  it("is an effect: as data too, with nils among its arguments", function()
    local path = os.tmpname()
    local page = does(function()
      s.perform { "background", jobs.note, path }
      s.background(jobs.note, path, nil)
      return { { "background", jobs.note, path }, { "background", jobs.note, path } }
    end)
    go(page)
    local ids = lines(path)
    assert.equal(4, #ids)
    table.sort(ids)
    for i = 2, 4 do assert.is_false(ids[i] == ids[i - 1]) end
    os.remove(path)
  end)

  it("outlives its instance and its conversation", function()
    local path = os.tmpname()
    local page = does(function()
      s.background(jobs.note, path)
      s.finish()
    end)
    go(page)
    assert.equal(1, #lines(path))
    os.remove(path)
  end)

  it("that fails is an error in the log", function()
    local page = does(function() s.background(jobs.fails_deep) end)
    page:post { event = "go" }
    local log = drive.logged(function() drive.work() end)
    assert.matches("a function in the background failed.*conversation=" ..
      page.cid:gsub("%-", "%%-") .. ".*jobs.lua:%d+: deep.*in local 'inner'", log)
    assert.matches("said:<", page:html())
  end)

  it("is refused like io, at its line", function()
    assert.matches("io_limits_spec.lua:%d+: background: argument 1: this is the state of",
      banner(does(function(self) s.background(jobs.echo, self) end)))
    assert.matches("background: a function is wanted, not a nil",
      banner(does(function() s.background() end)))
    assert.matches("background: a function is wanted",
      banner(does(function() return { "background", 3 } end)))
    assert.matches("background: over 100 calls in one turn", banner(does(function()
      for _ = 1, 101 do s.background(jobs.add, 1, 2) end
    end)))
    drive.work()
  end)

  it("past the limit is dropped, and the log says so", function()
    drive.workers { n = 1, waiting = 1 }
    with_pipe(function(pipe)
      local page = does(function() s.background(jobs.read, pipe.path) end)
      page:post { event = "go" }
      local log = drive.logged(function() page:post { event = "go" } end)
      assert.matches("a function in the background was dropped.*limits.io_waiting", log)
      pipe:wait()
      pipe:give()
      drive.work()
    end)
  end)
end)
