-- Going back: states and waiting tasks return, what was undone can be redone, and the
-- history is bounded.
local define = require "spec.lua.define" "h"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local button, component, flow = define.button, define.component, define.flow

--- A counter with these further handlers, each with its button.
local function counter(more)
  local definition = {
    init = { n = 0 },
    render = function(self)
      local buttons = { button("inc") }
      for event in pairs(more or {}) do buttons[#buttons + 1] = button(event) end
      return { "div", { "p", "n=", self.n, ";" }, buttons }
    end,
    on = { inc = function(self) self.n = self.n + 1 end },
  }
  for event, f in pairs(more or {}) do definition.on[event] = f end
  return component(definition)
end

--- Goes to a turn, or one step back; returns its result and what was sent.
local function back(page, turn)
  return page:post { back = turn or true }
end

local function n_of(page) return tonumber(page:text():match("n=(%d+);")) end

--- A counter at n, made by n clicks: turn i + 1 made the state i.
local function counted(n, more)
  local page = visit(counter(more))
  for _ = 1, n do assert.equal("OK", (page:click "inc")) end
  return page
end

describe("back", function()
  it("goes one visitor's turn back, and paints the whole page (3.6, 6.2, 10.1)", function()
    local page = counted(3)
    local result, sent = back(page)
    assert.equal("OK", result)
    assert.equal(1, #sent)
    assert.equal("#root", sent[1].selector)
    assert.equal("inner", sent[1].mode)
    assert.matches("n=2;", sent[1].body)
    assert.equal(2, n_of(page))
  end)

  it("goes on to the beginning, and says so when there is nothing more (10.4, 10.6)",
    function()
      local page = counted(3)
      for n = 2, 0, -1 do
        assert.equal("OK", (back(page)))
        assert.equal(n, n_of(page))
      end
      local result, sent = back(page)
      assert.equal("ERR_CONFLICT", result)
      assert.equal(0, #sent)
      assert.equal(0, n_of(page))
    end)

  it("goes to the state that stood at a turn (B:heads)", function()
    local page = counted(40)
    for _, turn in ipairs { 5, 1, 41, 20, 21, 40 } do
      assert.equal("OK", (back(page, turn)))
      assert.equal(turn - 1, n_of(page))
    end
  end)

  it("does nothing when it is there already", function()
    local page = counted(3)
    local result, sent = back(page, 4)
    assert.equal("OK", result)
    assert.equal(0, #sent)
    assert.equal(3, n_of(page))
    back(page, 2)
    assert.equal("OK", (back(page, 2)))
    assert.equal(1, n_of(page))
  end)

  it("refuses turns that never were", function()
    local page = counted(3)
    for _, turn in ipairs { 5, 1000, math.maxinteger, -1 } do
      assert.equal("ERR_CONFLICT", (back(page, turn)))
    end
    assert.equal(3, n_of(page))
  end)

  it("is one real step back when a handler asks for it (10.5)", function()
    local page = counted(3, {
      undo = function(self)
        self.n = 99
        s.back()
      end,
      undo_as_data = function() return { "back" } end,
      first = function() s.back(1) end,
    })
    local result, sent = page:click "undo"
    assert.equal("OK", result)
    assert.equal("#root", sent[1].selector)
    assert.equal(2, n_of(page))
    page:click "undo_as_data"
    assert.equal(1, n_of(page))
    page:click "inc"
    page:click "inc"
    page:click "first"
    assert.equal(0, n_of(page))
  end)

  it("in a handler is nothing when there is nothing to go back to", function()
    local page = visit(counter { undo = function() s.back() end })
    local result, sent = page:post { event = "undo" }
    assert.equal("OK", result)
    assert.equal(0, #sent)
    assert.equal(0, n_of(page))
  end)

  it("in a handler fails the turn when that turn is not kept", function()
    drive.log(false)
    local page = counted(2, { far = function() s.back(77) end,
      odd = function() s.back("home") end })
    local result, sent = page:click "far"
    assert.equal("ERR_APP", result)
    assert.matches("turn 77 is not kept", sent[1].body)
    result, sent = page:click "odd"
    assert.equal("ERR_APP", result)
    assert.matches("back wants a turn", sent[1].body)
    drive.log(true)
    assert.equal(2, n_of(page))
  end)

  it("ends the turn: what was asked before it stays, what comes after is dropped",
    function()
      local page = counted(2, {
        undo = function()
          s.execute_script("before()")
          s.back()
          s.execute_script("after()")
          s.call(s.info "never")
        end,
      })
      local _, sent = page:click "undo"
      assert.equal(2, #sent)
      assert.matches("n=1;", sent[1].body)
      assert.equal("before()", sent[2].body)
      assert.equal(1, n_of(page))
    end)

  it("does not count turns that changed nothing, or failed", function()
    drive.log(false)
    local page = counted(2, { nothing = function() end,
      fail = function(self)
        self.n = 50
        error("no")
      end })
    for _ = 1, 3 do
      page:click "nothing"
      page:click "fail"
    end
    drive.log(true)
    assert.equal("OK", (back(page, 7))) -- a turn at which n was 2 all the same
    assert.equal(2, n_of(page))
    back(page)
    assert.equal(1, n_of(page))
  end)

  it("is not a point itself", function()
    local page = counted(4)
    back(page)
    back(page)
    page:click "inc"
    assert.equal(3, n_of(page))
    back(page)
    assert.equal(2, n_of(page))
    back(page)
    assert.equal(1, n_of(page))
  end)

  it("never uses a turn or an instance's number again", function()
    local page = visit(component {
      init = { n = 0 },
      render = function(self)
        return { "div", { "p", "n=", self.n, ";" }, button "ask", button "inc" }
      end,
      on = {
        ask = function(self) self.n = s.await(s.confirm "Sure?") and 1 or 2 end,
        inc = function(self) self.n = self.n + 1 end,
      },
    })
    local _, sent = page:click "ask"
    local first, turn = sent[1].body:match('id="(ix%-%d+)"'), sent[1].turn
    _, sent = back(page)
    assert.is_true(sent[1].turn > turn)
    _, sent = page:click "ask"
    assert.is_not.equal(first, sent[1].body:match('id="(ix%-%d+)"'))
    -- What a stale tab still offers finds nobody.
    assert.equal("OK", (page:post { to = first, event = "yes" }))
    assert.matches("Sure%?", page:text())
  end)

  it("keeps the answers of numbered events", function()
    local page = visit(counter())
    page:post { event = "inc", page = "p", n = 1 }
    page:post { event = "inc", page = "p", n = 2 }
    assert.equal("OK", (page:post { back = true, page = "p", n = 3 }))
    assert.equal(1, n_of(page))
    page:post { event = "inc", page = "p", n = 2 } -- a repeat runs nothing
    page:post { back = true, page = "p", n = 3 }
    assert.equal(1, n_of(page))
  end)

  it("sends the page's fields what they were", function()
    local page = visit(component {
      init = { draft = "one" },
      render = function() return { "div", { "input", bind = "draft" }, button "ok" } end,
      on = { ok = function() end },
    })
    page:click("ok", { ix1 = { draft = "two" } })
    local _, sent = back(page)
    assert.equal("signals", sent[2].kind)
    assert.matches('{"ix1":{"draft":"one"}}', sent[2].body, 1, true)
  end)

  it("gives back the same random numbers", function()
    local page = visit(component {
      init = { n = 0 },
      render = function(self) return { "p", "n=", self.n, ";", button "roll" } end,
      on = { roll = function(self) self.n = math.random(1 << 40) end },
    })
    page:click "roll"
    page:click "roll"
    local second = n_of(page)
    back(page)
    page:click "roll"
    assert.equal(second, n_of(page))
  end)
end)

describe("redo", function()
  it("goes forward to what was gone back from, until something new happens (10.11)",
    function()
      local page = counted(5)
      back(page, 2)
      assert.equal(1, n_of(page))
      assert.equal("OK", (back(page, 6)))
      assert.equal(5, n_of(page))
      back(page, 3)
      page:click "inc"
      assert.equal(3, n_of(page))
      for _, turn in ipairs { 4, 5, 6 } do
        assert.equal("ERR_CONFLICT", (back(page, turn)))
      end
      assert.equal("OK", (back(page, 3)))
      assert.equal(2, n_of(page))
    end)

  it("survives turns that change nothing, or fail", function()
    drive.log(false)
    local page = counted(3, { nothing = function() end,
      fail = function() error("no") end })
    back(page, 2)
    page:click "nothing"
    page:click "fail"
    drive.log(true)
    assert.equal("OK", (back(page, 4)))
    assert.equal(3, n_of(page))
  end)

  it("works as often as one likes", function()
    local page = counted(60)
    for _ = 1, 5 do
      back(page, 1)
      assert.equal(0, n_of(page))
      back(page, 61)
      assert.equal(60, n_of(page))
      back(page, 30)
      assert.equal(29, n_of(page))
    end
  end)
end)

describe("tasks that wait", function()
  local function asker()
    return visit(flow(function()
      local said = {}
      repeat
        local word = s.await(s.prompt("So far:" .. table.concat(said, ",") .. ";"))
        said[#said + 1] = word
      until word == "end"
      s.await(s.info("All:" .. table.concat(said, ",") .. ";"))
    end))
  end

  local function say(page, word)
    local iid = page:html():match('id="(ix%-%d+)"')
    return page:post { to = iid, event = "ok",
      signals = { [iid:gsub("%-", "")] = { value = word } } }
  end

  it("of a flow in a loop wait where they waited (9.1, 9.3)", function()
    local page = asker()
    for _, word in ipairs { "a", "b", "c" } do say(page, word) end
    assert.matches("So far:a,b,c;", page:text())
    back(page)
    back(page)
    assert.matches("So far:a;", page:text())
    say(page, "x")
    say(page, "end")
    assert.matches("All:a,x,end;", page:text())
    back(page) -- past the loop's end, and into it again
    say(page, "y")
    assert.matches("So far:a,x,y;", page:text())
  end)

  it("inside pcall catch what they would have caught", function()
    local Fails = component {
      render = function() return { "div", button "bad", button "good" } end,
      on = {
        bad = function() s.answer_error("bad") end,
        good = function() s.answer("good") end,
      },
    }
    local page = visit(flow(function()
      local list = {}
      for i = 1, 4 do
        local ok, value = pcall(function() return s.await(Fails) .. i end)
        list[i] = tostring(ok) .. ":" .. tostring(value)
      end
      s.await(s.info("All " .. table.concat(list, " ") .. ";"))
    end))
    page:click "good"
    page:click "bad"
    page:click "bad"
    back(page)
    back(page)
    page:click "good"
    page:click "bad"
    page:click "good"
    assert.matches("All true:good1 true:good2 false:bad true:good4;", page:text())
  end)

  it("of handlers come back with the child that they wait for (10.2)", function()
    local closed = 0
    local page = visit(component {
      init = { said = "nothing" },
      render = function(self)
        return { "div", { "p", "said ", self.said, ";" }, s.slot "q", button "ask" }
      end,
      on = {
        ask = function(self)
          local guard <close> = setmetatable({}, { __close = function()
            closed = closed + 1
          end })
          self.said = s.await(s.prompt "What?", { slot = "q" }) or "cancelled"
          return guard and nil
        end,
      },
    })
    page:click "ask"
    page:click "Cancel"
    assert.matches("said cancelled;", page:text())
    assert.equal(1, closed)
    back(page)
    assert.matches("said nothing;.*What%?", page:text())
    back(page) -- drops the task: as if it had not happened, nothing is closed
    assert.equal(1, closed)
    assert.is_nil(page:text():match "What")
    back(page, 2)
    page:post { to = page:html():match 'id="(ix%-%d+)" role="dialog"',
      event = "ok" }
    assert.matches("said ;", page:text())
    assert.equal(2, closed)
  end)

  it("in an app's own coroutines are put back too", function()
    local page = visit(flow(function()
      local next_word = coroutine.wrap(function()
        for i = 1, 9 do coroutine.yield(i .. (s.await(s.confirm("q" .. i)) and "y" or "n")) end
      end)
      local list = {}
      for i = 1, 3 do list[i] = next_word() end
      s.await(s.info("All " .. table.concat(list, " ") .. ";"))
    end))
    page:click "Yes"
    page:click "Yes"
    back(page)
    page:click "No"
    page:click "Yes"
    assert.matches("All 1y 2n 3y;", page:text())
  end)
end)

describe("a history", function()
  after_each(function()
    drive.history()
    drive.hot()
    drive.hold(false)
  end)

  local dir = os.tmpname()
  os.remove(dir)
  for _, store in ipairs { "memory", "LMDB" } do
    it("outlives the process: every turn of it is there (" .. store .. ")",
      function()
        drive.restart(store == "LMDB" and dir)
        drive.collect()
        local page = counted(60)
        back(page, 30)
        for _, turn in ipairs { 29, 2, 61, 40, 59, 1 } do
          drive.restart()
          assert.equal("OK", (back(page, turn)))
          assert.equal(turn - 1, n_of(page))
        end
        back(page, 50)
        drive.restart()
        page:click "inc"
        assert.equal(50, n_of(page))
        drive.restart()
        assert.equal("ERR_CONFLICT", (back(page, 51)))
        assert.equal("OK", (back(page, 50)))
        assert.equal("OK", (back(page, 2)))
        assert.equal(1, n_of(page))
        drive.restart(false)
        drive.collect()
        os.execute("rm -rf " .. dir)
      end)
  end

  it("outlives sleep: every turn of it is there", function()
    local page = counted(50)
    back(page, 30)
    drive.hot(0)
    for _ = 1, 2 do visit(counter()) end
    for _, turn in ipairs { 29, 2, 51, 40 } do
      assert.equal("OK", (back(page, turn)))
      assert.equal(turn - 1, n_of(page))
    end
  end)

  it("holds as many turns as it may, and at one more lets the oldest go (10.9)",
    function()
      for _, max in ipairs { 1, 2, 20, 40 } do
        drive.history(max)
        local page = counted(max)
        local c = s.conversation(page.cid)
        assert.equal(max + 1, #c:turns()) -- the present one among them
        assert.equal("OK", (back(page, 1)))
        assert.equal("OK", (back(page, max + 1)))
        page:click "inc"
        assert.equal(max + 1 - max // 16, #c:turns())
        assert.equal("ERR_CONFLICT", (back(page, 1)))
        local oldest = c:turns()[1].turn
        assert.equal("OK", (back(page, oldest)))
        assert.equal(oldest - 1, n_of(page))
      end
    end)

  it("holds as many bytes as it may, and at more lets the oldest go (10.9)", function()
    drive.history(1000, 16 * 1024)
    local page = visit(component {
      init = { n = 0, text = "" },
      render = function(self) return { "p", "n=", self.n, ";" } end,
      on = {
        fill = function(self)
          self.n = self.n + 1
          local bytes = {}
          for i = 1, 1000 do bytes[i] = string.char(math.random(32, 126)) end
          self.text = table.concat(bytes)
        end,
      },
    })
    for _ = 1, 10 do page:post { event = "fill" } end
    assert.equal("OK", (back(page, 1)))
    back(page, 11)
    for _ = 1, 10 do page:post { event = "fill" } end
    assert.equal("ERR_CONFLICT", (back(page, 1)))
    assert.equal("OK", (back(page, 14)))
    assert.equal(11, n_of(page))
  end)

  it("lets a state go that alone is larger than its budget", function()
    drive.history(1000, 1024)
    local page = visit(component {
      init = { n = 0 },
      render = function(self) return { "p", "n=", self.n, ";" } end,
      on = {
        fill = function(self)
          self.n = self.n + 1
          local bytes = {}
          for i = 1, 4000 do bytes[i] = string.char(math.random(32, 126)) end
          self.text = table.concat(bytes)
        end,
      },
    })
    page:post { event = "fill" }
    page:post { event = "fill" }
    assert.equal("ERR_CONFLICT", (back(page)))
    assert.equal(2, n_of(page))
  end)

  it("can be switched off", function()
    drive.history(0)
    local page = counted(3)
    assert.equal("ERR_CONFLICT", (back(page)))
    assert.equal(3, n_of(page))
  end)

  it("is as long as the app says", function()
    s.config { history = 2 }
    local page = counted(5)
    assert.equal("ERR_CONFLICT", (back(page, 3)))
    assert.equal("OK", (back(page, 4)))
    assert.equal(3, n_of(page))
    s.config { history = 0 } -- what is kept already goes with the next turn
    page:post { event = "inc" }
    assert.equal("ERR_CONFLICT", (back(page)))
    assert.equal(4, n_of(page))
  end)

  it("is cut by isolate: nothing before it can be returned to", function()
    local page = counted(30, {
      seal = function(self)
        self.n = 100
        s.isolate()
      end,
      seal_as_data = function() return { "isolate" } end,
    })
    back(page, 20)
    page:click "seal"
    for _, turn in ipairs { 1, 15, 19, 20, 30, 31, 32 } do
      assert.equal("ERR_CONFLICT", (back(page, turn)))
    end
    assert.equal("ERR_CONFLICT", (back(page)))
    page:click "inc"
    assert.equal("OK", (back(page)))
    assert.equal(100, n_of(page))
    page:click "seal_as_data"
    assert.equal("ERR_CONFLICT", (back(page)))
    assert.equal(100, n_of(page))
  end)

  it("is not cut by an isolate whose turn fails, or whose commit does", function()
    drive.log(false)
    local page = counted(2, {
      fail = function()
        s.isolate()
        error("no")
      end,
      seal = function() s.isolate() end,
    })
    page:click "fail"
    drive.hold(true)
    drive.post(page.cid, { event = "seal" })
    drive.settle(false)
    drive.poll()
    drive.hold(false)
    drive.log(true)
    assert.equal("OK", (back(page)))
    assert.equal(1, n_of(page))
  end)

  it("is as before when a back fails in its render, or in its commit", function()
    local broken = false
    local page = visit(component {
      init = { n = 0 },
      render = function(self)
        if broken and self.n == 30 then error("cannot draw") end
        return { "p", "n=", self.n, ";" }
      end,
      on = { inc = function(self) self.n = self.n + 1 end },
    })
    for _ = 1, 60 do page:post { event = "inc" } end
    drive.log(false)
    broken = true
    local result, sent = back(page, 31)
    assert.equal("ERR_APP", result)
    assert.matches("cannot draw", sent[1].body)
    assert.equal(60, n_of(page))
    broken = false
    drive.hold(true)
    local answer = drive.post(page.cid, { back = 31 })
    drive.settle(false)
    drive.poll()
    drive.hold(false)
    drive.log(true)
    assert.equal("ERR_UNAVAILABLE", answer.result)
    assert.equal(60, n_of(page))
    for _, turn in ipairs { 5, 61, 31 } do
      assert.equal("OK", (back(page, turn)))
      assert.equal(turn - 1, n_of(page))
    end
  end)

  it("brings back states of older code, brought up to date", function()
    local id = define.id()
    local function defined(definition)
      definition.on = { inc = function(self) self.n = self.n + 1 end }
      s.component(id, definition)
      drive.collect()
    end
    defined { init = { n = 0 },
      render = function(self) return { "p", "n=", self.n, ";" } end }
    local page = visit(id)
    for _ = 1, 3 do page:post { event = "inc" } end
    defined { init = { n = 0 },
      upgrade = function(old) return { n = old.n * 10, new = true } end,
      render = function(self) return { "p", "n=", self.new and self.n, ";" } end }
    assert.equal(30, n_of(page))
    for n = 20, 0, -10 do
      assert.equal("OK", (back(page)))
      assert.equal(n, n_of(page))
    end
    page:post { event = "inc" }
    assert.equal(1, n_of(page))
  end)

  it("takes in what happens without a visitor, wherever one went", function()
    local page = counted(60, {
      poke = function() s.send(s.id(), "tick") end,
      tick = function(self) self.seen = (self.seen or 0) + 1 end,
    })
    for turn = 60, 2, -1 do
      assert.equal("OK", (back(page, turn)))
      page:click "poke"
      page:advance(0)
      assert.equal("OK", (back(page)))
      assert.equal(turn - 2, n_of(page))
      assert.equal("OK", (back(page, 61)))
      assert.equal(60, n_of(page))
    end
    back(page, 30)
    assert.equal(1, s.conversation(page.cid):state().seen)
  end)

  for seed = 1, 3 do it("follows any walk of events, backs, redos and restarts: "
    .. seed, function()
      drive.history(60, 8 * 1024)
      math.randomseed(seed)
      local page = visit(component {
        init = { n = 0, list = {} },
        render = function(self)
          return { "p", "n=", self.n, ";", table.concat(self.list, ","), ";" }
        end,
        on = {
          add = function(self, v)
            self.n = v
            table.insert(self.list, v % (#self.list + 1) + 1, v)
            if #self.list > 30 then table.remove(self.list, v % 30 + 1) end
          end,
          poke = function(_, v) s.send(s.id(), "tick", v) end,
          tick = function(self, v) self.n, self.list[1] = v, v end,
        },
      })
      -- The model: what each turn showed, and where we are in their order.
      local order, at = { { turn = 1, text = page:text() } }, 1
      local turn, saved = 1, 1
      for i = 1, 400 do
        local dice = math.random(40)
        if dice == 1 then
          drive.restart()
          turn = saved + 1 -- pages from before are painted anew
        elseif dice <= 5 then -- a visitor's turn that only leads to another
          page:post { event = "poke", value = -i }
          page:advance(0)
          turn, saved = turn + 1, turn + 1 -- which continues its number
          order[at].text = page:text()
          assert.matches("n=" .. -i, order[at].text, 1, true)
        elseif dice <= 20 then
          page:post { event = "add", value = i + 100 }
          turn, at = turn + 1, at + 1
          for j = #order, at, -1 do order[j] = nil end
          order[at] = { turn = turn, text = page:text() }
          saved = turn
        else
          local one = dice <= 28
          local to = one and at - 1 or math.random(#order)
          local result, sent = back(page, not one and order[to].turn or nil)
          if result == "OK" then
            assert.equal(to == at and 0 or 1, #sent)
            if to ~= at then turn, saved = turn + 1, turn + 1 end
            at = to
          else -- there is none, or it was too old to be kept
            assert.equal("ERR_CONFLICT", result)
            assert.is_true(to == 0 or at - to > 20)
          end
        end
        assert.equal(order[at].text, page:text())
      end
    end)
  end
end)
