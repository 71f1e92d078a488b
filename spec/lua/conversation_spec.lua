-- Conversations as values: looked at, gone back in and forked from outside.
local define = require "spec.lua.define" "v"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local component = define.component

local function settle() while drive.poll() > 0 do end end

local function count(f)
  return {
    init = { n = 0 },
    render = function(self) return { "p", "n=", self.n, ";", s.slot "q" } end,
    on = { inc = function(self) self.n = self.n + 1 end, go = f },
  }
end

--- A page counted up to n, and its conversation.
local function counted(n, f)
  local page = visit(component(count(f)))
  for _ = 1, n do page:post { event = "inc" } end
  return page, s.conversation(page.cid)
end

--- The page of a conversation that was not visited.
local function page_of(c)
  local Page = getmetatable(visit(component { render = function() return {} end }))
  return setmetatable({ cid = c.cid }, Page)
end

local function n_of(page) return tonumber(page:text():match("n=(%d+);")) end

describe("a conversation as a value", function()
  it("is found by its id, and by how that begins", function()
    local page, c = counted(1)
    assert.equal(page.cid, c.cid)
    assert.equal(c, s.conversation(page.cid:sub(1, 20)))
    assert.equal("conversation " .. page.cid, tostring(c))
    assert.is_nil(s.conversation(("A"):rep(30)))
    assert.is_nil(s.conversation(page.cid:sub(1, 20) .. "__________"))
    for _, bad in ipairs { "", "short", ("A"):rep(31), ("!"):rep(12) } do
      local ok, found = pcall(s.conversation, bad)
      assert.is_true(not ok or found == nil)
    end
  end)

  it("has an id that no other has, nor its instances, also after a restart (18.6, defect 7)",
    function()
      local Asks = component {
        init = { said = "nothing" },
        render = function(self)
          return { "p", self.said, { "button", on_click = "ask", "ask" } }
        end,
        on = { ask = function(self) self.said = tostring(s.await(s.confirm "Sure?")) end },
      }
      local function ask(page)
        local _, sent = page:click "ask"
        return sent[1].body:match 'id="(ix%-%d+)"'
      end
      local before, known = {}, {}
      for i = 1, 8 do
        before[i] = visit(Asks):follow()
        known[before[i].cid] = ask(before[i])
        before[i]:click "Yes"
      end
      drive.restart()
      for _ = 1, 8 do
        local page = visit(Asks):follow()
        assert.is_nil(known[page.cid])
        known[page.cid] = ask(page)
      end
      for _, page in ipairs(before) do
        assert.matches("true", page:text()) -- its own, not that of a new one
        assert.is_not.equal(known[page.cid], ask(page))
      end
    end)

  it("is found before anybody has come, and not when it has ended", function()
    local page = visit(component { render = function() return { "p", "x" } end,
      on = { over = function() s.finish() end } })
    local c = s.conversation(page.cid:sub(1, 25))
    assert.equal(page.cid, c.cid)
    page:post { event = "over" }
    assert.is_nil(s.conversation(page.cid))
    for _, method in ipairs { "turns", "tree", "state", "fork", "back" } do
      assert.error_matches(function() c[method](c) end, "is gone")
    end
  end)

  it("is among those that are listed, in the order of minting", function()
    local _, a = counted(1)
    local _, b = counted(1)
    local all, place = s.conversations(), {}
    for i, c in ipairs(all) do place[c.cid] = i end
    assert.is_truthy(place[a.cid] and place[b.cid])
    for _, c in ipairs { a, b } do
      local behind = s.conversations(c)
      assert.equal(#all - place[c.cid], #behind)
      assert.equal(all[place[c.cid] + 1], behind[1])
    end
    assert.equal(0, #s.conversations(all[#all].cid))
  end)

  it("can be kept by another conversation", function()
    local _, c = counted(2)
    local page = visit(component {
      render = function(self)
        return { "p", self.other and "n=" .. self.other:state().n .. ";" or "none" }
      end,
      on = { keep = function(self) self.other = c end, look = function() end },
    })
    page:post { event = "keep" }
    drive.hot(0)
    visit(component(count()))
    drive.hot()
    assert.equal(2, n_of(page))
  end)

  it("gives copies of states, of now and of then", function()
    local page, c = counted(3)
    assert.same({ n = 3 }, c:state())
    assert.same({ n = 1 }, c:state(nil, 2))
    assert.same({ n = 0 }, c:state("ix-1", 1))
    assert.is_nil(c:state "ix-9")
    c:state().n = 77
    assert.same({ n = 3 }, c:state())
    assert.equal(3, n_of(page))
    assert.error_matches(function() c:state(nil, 99) end, "turn 99 is not kept")
    assert.error_matches(function() c:state "three" end, "id of an instance")
  end)

  it("shows its tree: slots, keys, what is covered, and tasks", function()
    local Row = component {
      render = function() return { "li" } end,
      on = { ask = function() s.await(s.info "?") end },
    }
    local page = visit(component {
      init = {},
      children = { rows = { { "a", Row }, { "b", Row } } },
      render = function() return { "ul", s.slot "rows" } end,
      on = { ask = function() s.await(s.confirm "Sure?") end },
    })
    local c = s.conversation(page.cid)
    page:post { to = "ix-3", event = "ask" }
    local tree = c:tree()
    assert.equal("ix-1", tree.iid)
    assert.same({ "rows", "a", "ix-2" }, { tree[1].slot, tree[1].key, tree[1].iid })
    assert.equal("ui/info", tree[2].type)
    assert.same({ "ix-3", 1 }, { tree[2].below.iid, tree[2].below.tasks })
    page:post { event = "ask" }
    tree = c:tree()
    assert.equal("ui/confirm", tree.type)
    assert.equal("ix-1", tree.below.iid)
    assert.equal(1, tree.below.tasks)
    assert.equal("ix-1", c:tree(1).iid)
    assert.equal(0, c:tree(1)[2].tasks)
  end)

  it("lists its turns, with their events and times (3.7)", function()
    local page, c = counted(2)
    page:post { event = "go" }
    page:post { back = true }
    local turns = c:turns()
    assert.equal(3, #turns)
    assert.same({ 1, 2, 3 }, { turns[1].turn, turns[2].turn, turns[3].turn })
    assert.is_nil(turns[1].event)
    assert.equal("inc", turns[2].event)
    assert.is_true(turns[2].now)
    assert.is_true(turns[3].undone)
    assert.is_true(math.abs(turns[3].time - os.time()) < 60)
    assert.is_true(turns[1].time <= turns[2].time)
  end)

  it("shows what is kept, not a turn that is under way", function()
    local page, c = counted(3)
    drive.hold(true)
    drive.post(page.cid, { event = "inc" })
    assert.same({ n = 3 }, c:state())
    assert.equal(4, #c:turns())
    drive.settle(true)
    drive.hold(false)
    settle()
    assert.same({ n = 4 }, c:state())
    assert.equal(5, #c:turns())
  end)
end)

describe("going back in one from outside", function()
  it("is a turn like any other", function()
    local page, c = counted(3)
    drive.take()
    assert.is_true(c:back())
    settle()
    local sent = drive.take()
    assert.equal("turn 3", sent[1].body)
    assert.matches("n=2;", sent[2].body)
    assert.is_true(c:back(1))
    settle()
    assert.equal(0, n_of(page))
    assert.same({ nil, "that turn is not kept" }, { c:back() })
    assert.same({ nil, "that turn is not kept" }, { c:back(50) })
    assert.error_matches(function() c:back(0) end, "numbered from 1")
  end)

  it("waits behind a turn under way", function()
    local page, c = counted(3)
    drive.hold(true)
    drive.post(page.cid, { event = "inc" })
    assert.is_true(c:back())
    drive.hold(false)
    settle()
    assert.equal(3, n_of(page))
  end)

  it("raises inside a turn", function()
    drive.log(false)
    local _, other = counted(3)
    local page, own = counted(3, function(_, which)
      if which == "own" then s.conversation(s.conversation_id()):back()
      else other:back() end
    end)
    local _, sent = page:post { event = "go", value = "own" }
    assert.matches("use s.back", sent[1].body)
    _, sent = page:post { event = "go", value = "other" }
    assert.matches("cannot be used inside a turn", sent[1].body)
    drive.log(true)
    assert.same({ n = 3 }, own:state())
    assert.same({ n = 3 }, other:state())
  end)
end)

describe("a fork", function()
  it("begins where the source stands, and neither moves the other (10.11, B:fork)", function()
    local page, c = counted(3)
    local before = drive.stats().conversations
    local f = c:fork()
    settle()
    assert.equal(before, drive.stats().conversations) -- the store's alone
    assert.is_not.equal(c, f)
    local forked = page_of(f)
    assert.equal(3, n_of(forked))
    for _ = 1, 4 do forked:post { event = "inc" } end
    page:post { event = "inc" }
    assert.equal(7, n_of(forked))
    assert.equal(4, n_of(page))
    assert.same({ n = 7 }, f:state())
    assert.same({ n = 4 }, c:state())
  end)

  it("begins at a turn of the past, with a history of its own (10.3)", function()
    local page, c = counted(30)
    local f = c:fork(6)
    settle()
    local forked = page_of(f)
    assert.equal(5, n_of(forked))
    assert.equal(1, #f:turns())
    forked:post { event = "-" }
    assert.is_nil((f:back()))
    forked:post { event = "inc" }
    assert.equal(6, n_of(forked))
    assert.is_true(f:back())
    settle()
    assert.equal(5, n_of(forked))
    assert.equal(31, #c:turns())
    assert.equal(30, n_of(page))
    assert.error_matches(function() c:fork(99) end, "turn 99 is not kept")
  end)

  it("goes on with its own copy of what waits", function()
    local page = visit(define.flow(function()
      local list = {}
      for i = 1, 3 do list[i] = s.await(s.confirm("q" .. i)) and "y" or "n" end
      s.await(s.info("All " .. table.concat(list) .. ";"))
    end))
    page:click "Yes"
    local forked = page_of(s.conversation(page.cid):fork())
    settle()
    page:click "Yes"
    page:click "Yes"
    forked:click "No"
    forked:click "No"
    assert.matches("All yyy;", page:text())
    assert.matches("All ynn;", forked:text())
  end)

  it("has the owner, but neither the answers nor the URLs of its source (B:attach)", function()
    local page = visit(component {
      init = { n = 0 },
      render = function(self)
        return { "p", "n=", self.n, ";", { "button", on_click = "inc", "+" } }
      end,
      on = { inc = function(self) self.n = self.n + 1 end },
    })
    page:post { event = "inc", page = "p", n = 7 }
    local f = s.conversation(page.cid):fork()
    settle()
    local forked = page_of(f)
    forked:post { event = "inc", page = "p", n = 7 }
    assert.equal(2, n_of(forked))
    local mac = page:html():match "m=([%w_%-]+)"
    assert.is_true(drive.offered(page.cid, 1, "inc", nil, mac))
    assert.is_false(drive.offered(f.cid, 1, "inc", nil, mac))
    assert.matches(f.cid, forked:html(), 1, true)
  end)

  it("rests until somebody opens it, with the time that was left", function()
    local page = visit(component {
      init = { heard = "" },
      render = function(self) return { "p", "heard:", self.heard, ";" } end,
      on = {
        go = function(self)
          s.after(10, "tick")
          s.subscribe("spec/news", "news")
          s.sleep(20)
          self.heard = self.heard .. " slept"
        end,
        tick = function(self) self.heard = self.heard .. " tick" end,
        news = function(self, v) self.heard = self.heard .. " " .. v end,
        other = function(self) self.heard = " other" end,
        tell = function(_, v) s.publish("spec/news", v) end,
      },
    })
    page:post { event = "go" }
    page:advance(4)
    page:post { event = "other" }
    page:advance(3)
    local c = s.conversation(page.cid)
    local now, past = page_of(c:fork()), page_of(c:fork(2))
    settle()
    page:post { event = "tell", value = "early" }
    page:advance(100)
    drive.restart()
    page:advance(100)
    assert.matches("heard: other early tick slept;", page:html(), 1, true)
    assert.matches("heard: other;", now:html(), 1, true)
    assert.matches("heard:;", past:html(), 1, true)
    now:post { event = "-" } -- opened: 3 seconds are left, and 13
    page:advance(2.999)
    assert.matches("heard: other;", now:html(), 1, true)
    page:advance(0.001)
    assert.matches("heard: other tick;", now:html(), 1, true)
    page:post { event = "tell", value = "late" }
    page:advance(10)
    assert.matches("heard: other tick late slept;", now:html(), 1, true)
    drive.promote(past.cid) -- a stream came: 6 seconds are left
    settle()
    page:advance(5.999)
    assert.matches("heard:;", past:html(), 1, true)
    page:advance(0.001)
    assert.matches("heard: tick;", past:html(), 1, true)
    page:advance(10)
    assert.matches("heard: tick slept;", past:html(), 1, true)
    page:advance(100)
    assert.matches("heard: other tick late slept;", now:html(), 1, true)
  end)

  it("is opened by who comes before it is kept", function()
    local page = visit(component {
      init = { heard = "" },
      render = function(self) return { "p", "heard:", self.heard, ";" } end,
      on = {
        go = function() s.after(5, "tick") end,
        tick = function(self) self.heard = "tick" end,
      },
    })
    page:post { event = "go" }
    drive.hold(true)
    finally(function() drive.hold(false) end)
    local fork = page_of(s.conversation(page.cid):fork())
    drive.promote(fork.cid)
    drive.hold(false)
    settle()
    page:advance(5)
    assert.matches("heard:tick;", fork:html(), 1, true)
  end)

  it("never uses the number of an instance of its source's", function()
    local Ask = component { render = function() return { "p", "asked" } end }
    local page = visit(component(count(function() s.call(Ask, nil, { slot = "q" }) end)))
    for _ = 1, 5 do page:post { event = "go" } end
    local f = s.conversation(page.cid):fork(1)
    settle()
    local forked = page_of(f)
    forked:post { event = "go" }
    assert.equal("ix-7", f:tree()[1].iid)
  end)

  it("in a handler is there once the turn is kept", function()
    local made
    local page, c = counted(3, function(self)
      self.n = 100
      made = s.conversation(s.conversation_id()):fork()
      self.text = made:state().n -- readable at once: what the turn began with
    end)
    drive.hold(true)
    local before = drive.commits()
    local answer = drive.post(page.cid, { event = "go" })
    drive.settle(true)
    assert.is_nil(answer.result)
    drive.poll()
    assert.equal("OK", answer.result)
    assert.equal(before + 1, drive.commits()) -- one item has the fork and the turn
    drive.hold(false)
    assert.same({ n = 3 }, made:state())
    assert.same({ n = 100, text = 3 }, c:state())
    assert.equal(3, n_of(page_of(made)))
  end)

  it("in a handler that fails never was, and takes no turn along", function()
    drive.log(false)
    local made
    local page, c = counted(3, function()
      made = s.conversation(s.conversation_id()):fork()
      error("no")
    end)
    local before = drive.stats().conversations
    assert.equal("ERR_APP", (page:post { event = "go" }))
    drive.log(true)
    assert.is_nil(s.conversation(made.cid))
    assert.is_false(drive.alive(made.cid))
    assert.equal(before, drive.stats().conversations)
    assert.same({ n = 3 }, c:state())
  end)

  it("fails its turn when it cannot be kept", function()
    drive.log(false)
    local made
    local page, c = counted(3, function(self)
      self.n = 100
      made = s.conversation(s.conversation_id()):fork()
    end)
    drive.hold(true)
    local answer = drive.post(page.cid, { event = "go" })
    drive.settle(false)
    drive.poll()
    drive.hold(false)
    settle()
    drive.log(true)
    assert.equal("ERR_UNAVAILABLE", answer.result)
    assert.same({ n = 3 }, c:state())
    assert.is_nil(s.conversation(made.cid))
    assert.is_false(drive.alive(made.cid))
  end)

  it("can be made 50 times in one turn, and not 51 times", function()
    drive.log(false)
    local page = counted(1, function(_, n)
      local own = s.conversation(s.conversation_id())
      for _ = 1, n do own:fork() end
    end)
    assert.equal("OK", (page:post { event = "go", value = 50 }))
    local result, sent = page:post { event = "go", value = 51 }
    assert.equal("ERR_APP", result)
    assert.matches("fork: over 50 conversations begun in one turn", sent[1].body)
    drive.log(true)
  end)

  it("is refused where nothing may take effect", function()
    drive.log(false)
    local _, c = counted(1)
    local page = visit(component {
      render = function(self)
        if self.on then c:fork() end
        return { "p", "drawn" }
      end,
      on = { go = function(self) self.on = true end },
    })
    local _, sent = page:post { event = "go" }
    assert.matches("fork cannot be used in render", sent[1].body)
    drive.log(true)
  end)
end)
