-- s.io: what goes to a worker thread and what comes back.
local s = require "stube"
local drive = require "stube.drive"
local db = require "spec.lua.io.db"
local jobs = require "spec.lua.io.jobs"
local pages = require "spec.lua.io.pages"
local registers = require "spec.lua.io.registers"
local visit = require "spec.lua.visit"

local banner, component, does, flow
  = pages.banner, pages.component, pages.does, pages.flow
local go, quietly, trace, with_pipe, write
  = pages.go, pages.quietly, pages.trace, pages.with_pipe, pages.write

before_each(pages.begin)
teardown(function() drive.workers(false) end)

describe("io", function()
  it("gives what its function returns, nils among it", function()
    local page = does(function()
      write(s.io(jobs.add, 1, 2))
      write(s.io(jobs.echo))
      write(s.io(jobs.echo, nil))
      write(s.io(jobs.echo, 1, nil, "x", false, nil))
      write(select("#", s.io(jobs.many, 200)))
    end)
    go(page)
    assert.same({ "3", "", "nil", "1 nil x false nil", "200" }, trace)
  end)

  it("works in flows, in start, at any depth, in coroutines and pcall", function()
    visit(flow(function()
      local function deep(n) return n == 0 and s.io(jobs.add, 1, 1) or deep(n - 1) end
      for i = 1, 2 do write(i, (deep(3))) end
      for v in coroutine.wrap(function()
        coroutine.yield(s.io(jobs.add, 2, 2))
        coroutine.yield(s.io(jobs.add, 3, 3))
      end) do write(v) end
      write(pcall(s.io, jobs.add, 4, 4))
    end))
    drive.work()
    assert.same({ "1 2", "2 2", "4", "6", "true 8" }, trace)
    visit(component { start = function() write("started", s.io(jobs.add, 5, 5)) end })
    drive.work()
    assert.same("started 10", trace[6])
  end)

  it("gives copies: neither side sees what the other changes", function()
    local page = does(function()
      local t = { list = { "mine" } }
      local back = s.io(jobs.spoil, t)
      write(#t.list, t.me, #back.list, back.me == back, back == t)
    end)
    go(page)
    assert.same({ "1 nil 2 true false" }, trace)
  end)

  it("copies the host's tables as they are now, and takes functions and modules "
    .. "as the worker has them", function()
      local was = jobs.config.name
      jobs.config.name = "changed since"
      local page = does(function()
        write(s.io(jobs.name_of, jobs.config), s.io(jobs.name))
        local late = jobs -- a module in a local
        write(s.io(jobs.calls, late.add, 3, 4))
        write(s.io(string.rep, "ab", 3))
      end)
      go(page)
      jobs.config.name = was
      assert.same({ "changed since as loaded", "7", "ababab" }, trace)
    end)

  it("runs closures over plain values, each time from what they were", function()
    local page = does(function()
      local f = jobs.closing(10, { "a" })
      write(s.io(f, "b"))
      write(s.io(f, "b"))
    end)
    go(page)
    assert.same({ "12 1 0", "12 1 0" }, trace)
  end)

  it("brings values with metatables there and back", function()
    local page = does(function()
      local sum, point = s.io(jobs.sum, jobs.point(3, 4))
      write(sum, point:sum(), point.x, getmetatable(point) == jobs.Point)
    end)
    go(page)
    assert.same({ "7 7 4 true" }, trace)
  end)

  it("keeps a worker's modules from call to call, and requires them once", function()
    drive.workers { n = 1 }
    local page = does(function()
      for _ = 1, 3 do write(s.io(jobs.count_up)) end
      write(s.io(jobs.required))
      write(s.io(jobs.required))
      write(jobs.count)
    end)
    go(page)
    assert.same({ "1", "2", "3", "1 true", "2 true", "0" }, trace)
    for _, path in ipairs(s.mounts()) do assert.is_not_equal("/io-late", path) end
  end)

  it("loads files there without their registrations", function()
    local page = does(function() write(s.io(registers.seen)) end)
    go(page)
    assert.same({ "0 true io/page io/votes /x" }, trace)
  end)

  it("gives coroutines of its own to what runs there", function()
    local page = does(function() write(s.io(jobs.runs_coroutines)) end)
    go(page)
    assert.same({ "1 2 sum 30" }, trace)
  end)

  it("lets other conversations go on while a worker is blocked", function()
    drive.workers { n = 1 }
    with_pipe(function(pipe)
      local page = does(function(self) self.said = s.io(jobs.read, pipe.path) end)
      local other = does(function(self) self.said = self.said .. "x" end)
      page:post { event = "go" }
      pipe:wait()
      other:post { event = "go" }
      other:post { event = "go" }
      assert.matches("said:xx", other:html())
      assert.matches("said:<", page:html())
      assert.equal(1, (drive.calls()))
      pipe:give "from outside"
      drive.work()
      assert.matches("said:from outside", page:html())
    end)
  end)

  it("runs as many at once as there are workers; others wait their turn", function()
    with_pipe(function(one) with_pipe(function(two)
      local page = does(function(_, path)
        if path then write(s.io(jobs.read, path)) else write(s.io(jobs.add, 1, 1)) end
      end)
      page:post { event = "go", value = one.path }
      page:post { event = "go", value = two.path }
      page:post { event = "go" }
      one:wait()
      two:wait()
      assert.same({ 2, 1, 0 }, { drive.calls() })
      one:give "one"
      drive.work(1)
      table.sort(trace)
      assert.same({ "2", "one" }, trace)
      two:give "two"
      drive.work()
      assert.equal("two", trace[3])
    end) end)
  end)
end)

describe("a blocking library in a worker", function()
  it("is lua-sql-sqlite3: one connection stays in each, and the loop goes on", function()
    drive.workers { n = 1 }
    local path = os.tmpname()
    with_pipe(function(pipe)
      local page = does(function(self)
        s.io(db.create, path)
        s.io(db.add, path, { what = "a boat's oar", amount = 90 })
        local got = s.io(db.add_slowly, path, { what = "chair", amount = 24 }, jobs.read,
          pipe.path)
        local said = { got }
        for _, row in ipairs(s.io(db.all, path)) do
          said[#said + 1] = row.what .. "=" .. row.amount
        end
        self.said = table.concat(said, ", ")
      end)
      local other = does(function(self) self.said = "answered" end)
      page:post { event = "go" }
      pipe:wait(1, true)
      other:post { event = "go" }
      assert.matches("said:answered", other:html())
      pipe:give "paid"
      drive.work()
      assert.matches("said:paid, chair=24, a boat&#39;s oar=90", page:html())
    end)
    os.remove(path)
  end)

  it("raises its errors where they were waited for, and keeps its handles", function()
    local path = os.tmpname()
    local page = does(function(_, f) write(pcall(s.io, db[f], path)) end)
    go(page, "wrong")
    go(page, "connection")
    assert.matches("^false .*db.lua:%d+: LuaSQL: no such column: nosuch", trace[1])
    assert.matches("^false io: result 1: plain values are wanted, not a userdata", trace[2])
    os.remove(path)
  end)
end)

describe("io refuses", function()
  local wrong = {
    { "what is no function", function() s.io("x") end,
      "io: a function is wanted, not a string" },
    { "nothing", function() s.io() end, "io: a function is wanted, not a no value" },
    { "options that are not there", function() s.io({ tiemout = 1 }, jobs.add) end,
      'io: there is no option "tiemout"' },
    { "a timeout that is none", function() s.io({ timeout = "1" }, jobs.add) end,
      "io: a number of seconds is wanted" },
    { "self", function(self) s.io(jobs.echo, self) end,
      'io: argument 1: this is the state of "spec/io%d+" %(ix%-1%), which stays' },
    { "self deep inside", function(self)
      s.io(jobs.echo, 1, { rows = { { of = self } } })
    end, "io: argument 2.rows%[1%].of: this is the state of" },
    { "a function that closes over self", function(self)
      s.io(function() return self.said end)
    end, "io: the function, upvalue 'self' %(.*io_spec.lua:%d+%): this is the state" },
    { "a coroutine", function() s.io(jobs.echo, coroutine.create(print)) end,
      "io: argument 1: plain values are wanted, not a thread" },
    { "an open file", function()
      local f <close> = io.open("/dev/null")
      s.io(jobs.echo, f)
    end, "io: argument 1: a userdata of type FILE%* cannot be saved" },
    { "a function made by load", function() s.io(load "return 1") end,
      "io: the function.* was made by load" },
    { "over 200 arguments", function()
      s.io(jobs.echo, table.unpack({}, 1, 201))
    end, "io: over 200 arguments; give them in a table" },
    { "too much", function() s.io(jobs.echo, { text = ("x"):rep(70000) }) end,
      "io: .*larger than 65536 bytes.* argument 1.*see limits.io_call" },
    { "to wait inside a C function", function()
      table.sort({ 1, 2 }, function() s.io(jobs.add, 1, 2) end)
    end, "cannot wait for io inside table.sort" },
  }
  for _, case in ipairs(wrong) do
    it(case[1], function()
      assert.matches(case[3], banner(does(case[2])))
      drive.work()
      assert.same({ 0, 0, 0 }, { drive.calls() })
    end)
  end

  it("in render, and in the turn of a volatile timer", function()
    local page
    quietly(function()
      page = visit(component { render = function() s.io(jobs.add, 1, 2) end })
    end)
    assert.matches("cannot wait for io in render", page.first)
    page = does(function() s.after(1, "tick", nil, { volatile = true }) end,
      { tick = function() s.io(jobs.add, 1, 2) end })
    page:post { event = "go" }
    local sent
    quietly(function() sent = page:advance(1) end)
    assert.matches("io: the turn of a volatile timer may be lost", sent[1].body)
  end)

  it("results that are no plain values, or too many", function()
    local page = does(function(_, f) write(pcall(s.io, jobs[f])) end)
    for _, f in ipairs { "gives_function", "gives_file", "gives_thread" } do go(page, f) end
    assert.matches("^false io: result 1.f: plain values are wanted, not a function",
      trace[1])
    assert.matches("^false io: result 1%[1%]%[1%]: plain values.* not a userdata", trace[2])
    assert.matches("^false io: result 1: plain values are wanted, not a thread", trace[3])
    page = does(function(_, n) write(pcall(s.io, jobs.many, n)) end)
    go(page, 201)
    assert.matches("^false io: over 200 results; give them back in a table", trace[4])
  end)
end)

describe("in a worker", function()
  it("nothing waits, nothing acts on a conversation, and each says why", function()
    local cases = { "await", "sleep", "receive", "io", "background", "answer", "publish",
      "after", "show", "perform", "subscribe", "send", "back" }
    local page = does(function(_, n) write(s.io(jobs.tries, n, 1)) end)
    for i, n in ipairs(cases) do
      go(page, n)
      assert.matches("^false .*" .. n .. " works inside a conversation only.*, not in a "
        .. "worker %(s.io, s.background%)", trace[i])
    end
  end)

  it("there are no atoms and no other conversations", function()
    local page = does(function(_, m) write(s.io(jobs.atom, m)) end)
    for i, m in ipairs { "get", "set", "update", "watch" } do
      go(page, m)
      assert.matches("^false .*" .. m .. ": there are no atoms in a worker", trace[i])
    end
    page = does(function() write(s.io(jobs.tries, "conversations")) end)
    go(page)
    assert.matches("^false .*there are no conversations in a worker", trace[5])
  end)

  it("asks for nobody: who and where are nil", function()
    local page = does(function()
      write(s.io(jobs.tries, "conversation_id"))
      write(s.io(jobs.tries, "id"))
      write(s.io_id())
    end)
    go(page)
    assert.same({ "true nil", "true nil", "nil" }, trace)
  end)
end)

describe("an error in a worker", function()
  it("is raised where its result was waited for, and can be caught there", function()
    local page = does(function(self)
      local ok, e = pcall(s.io, jobs.fails, "wrong")
      self.said = tostring(ok) .. " " .. e
    end)
    go(page)
    assert.matches("said:false .*spec/lua/io/jobs.lua:%d+: wrong", page:html())
  end)

  it("is the value that was raised, when that can be copied", function()
    local page = does(function()
      local ok, e = pcall(s.io, jobs.fails_with, { code = 7, why = { "deep" } })
      write(ok, type(e), e.code, e.why[1])
      write(pcall(s.io, jobs.fails_with, nil))
      write(pcall(s.io, jobs.fails_with, print))
      write(pcall(s.io, jobs.fails_with, 5))
    end)
    go(page)
    assert.same("false table 7 deep", trace[1])
    assert.matches("^false nil", trace[2])
    assert.matches("^false .*function", trace[3])
    assert.matches("^false 5", trace[4])
  end)

  it("has the traceback of both sides in the log", function()
    local page = does(function() s.io(jobs.fails_deep) end)
    page:post { event = "go" }
    local log = drive.logged(function() drive.work() end)
    assert.matches("jobs.lua:%d+: deep", log)
    assert.matches("stack traceback %(in a worker%):.*in local 'inner'.*"
      .. "from the coroutine:.*io_spec.lua:%d+", log)
    -- Told once, though the turn that brought it failed.
    assert.equal(1, select(2, log:gsub("a turn failed", "")))
  end)

  it("that is caught there is none", function()
    local page = does(function() write(s.io(jobs.swallows)) end)
    go(page)
    assert.matches("^false .*inner", trace[1])
  end)
end)
