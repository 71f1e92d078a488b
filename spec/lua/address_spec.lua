-- Where the page stands: `url` of the root, s.history, and which turns make an
-- entry in the browser's history. s.scroll_to and s.focus.
local define = require "spec.lua.define" "address"
local drive = require "stube.drive"
local jobs = require "spec.lua.io.jobs"
local s = require "stube"
local visit = require "spec.lua.visit"

local component = define.component

local button = define.button

--- A component with a button for each of these handlers.
local function buttons(handlers, more)
  local definition = {
    init = { n = 0 },
    render = function(self)
      local list = {}
      for event in pairs(handlers) do list[#list + 1] = button(event) end
      return { "div", { "p", "n=", self.n, ";" }, list }
    end,
    on = handlers,
  }
  for key, value in pairs(more or {}) do definition[key] = value end
  return component(definition)
end

local function inc(self) self.n = self.n + 1 end

--- Counts; its address says how far.
local function counter(how, more)
  local handlers = { inc = inc, still = function() end }
  for event, f in pairs(more or {}) do handlers[event] = f end
  return buttons(handlers, {
    url = function(self) return "/n?n=" .. self.n, how end,
  })
end

--- Visited by a page that numbers its events, as ours does.
local function paged(embed, back)
  local page = visit(embed, nil, nil, back)
  page.name = "pg"
  return page
end

local function stands(page)
  page:html()
  return (drive.stands(page.cid):gsub("\n", " "))
end

describe("url", function()
  it("is known from the first drawing on (3.2, 11.4)", function()
    assert.equal("turn 1 url /n?n=0", stands(visit(counter())))
  end)

  it("is told when a turn changes it, and not when none does (3.10, 11.3)", function()
    local page = paged(counter())
    page:click "still"
    assert.same({}, page.told)
    page:click "inc"
    assert.same({ { turn = 3, url = "/n?n=1" } }, page.told)
    page:click "still"
    assert.same({}, page.told)
    assert.equal("turn 3 url /n?n=1", stands(page))
  end)

  it("makes an entry in the page that caused the turn, if it says push", function()
    local page = paged(counter "push")
    page:click "inc"
    assert.same({ { turn = 2, url = "/n?n=1", push = "pg", was = 1 } }, page.told)
    page:click "still"
    assert.same({}, page.told)
    page:click "inc"
    assert.same({ { turn = 4, url = "/n?n=2", push = "pg", was = 2 } }, page.told)
    page.name = nil -- a client that does not number its events
    page:click "inc"
    assert.same({ { turn = 5, url = "/n?n=3" } }, page.told)
  end)

  it("makes none of what happens without a visitor", function()
    local page = paged(counter("push", { later = function() s.after(1, "inc") end }))
    page:click "later"
    page:advance(2)
    assert.same({ { turn = 2, url = "/n?n=1" } }, page.told)
  end)

  it("is told before what is drawn (3.11)", function()
    local page = paged(counter "push")
    drive.take()
    drive.post(page.cid, { event = "inc" })
    while drive.poll() > 0 do end
    local sent = drive.take()
    assert.equal("address", sent[1].kind)
    assert.equal("elements", sent[2].kind)
    assert.equal(2, #sent)
  end)

  it("is the root's, also while that is covered; nobody else's counts (11.1)", function()
    local Other = buttons({ inc = inc }, { url = function() return "/other" end })
    local Root = counter(nil, {
      call = function() s.call(Other) end,
      become = function() s.become(Other) end,
    })
    local page = paged(Root)
    page:click "call"
    assert.same({ { turn = 2, url = "/n?n=0", push = "pg", was = 1 } }, page.told)
    page:click "inc"
    assert.same({}, page.told)
    assert.matches("url /n?n=0", stands(page), 1, true)
    page = paged(Root)
    page:click "become"
    assert.equal("/other", page.told[1].url)
  end)

  it("leaves the address alone when it is nil (11.2)", function()
    local page = paged(buttons({ inc = inc }, {
      url = function(self) return self.n % 2 == 1 and "/odd" or nil end,
    }))
    assert.equal("turn 1", stands(page))
    page:click "inc"
    assert.same({ { turn = 2, url = "/odd" } }, page.told)
    page:click "inc"
    assert.same({}, page.told)
    assert.equal("turn 3 url /odd", stands(page))
  end)

  it("is encoded as a browser would", function()
    local said = { "/grün weiß", '/a"<b>`', "/%41%20/x", "/a//b", "/.a/..b/...",
      "/x?q=../..#/../", "/" }
    local page = paged(buttons({ inc = inc }, {
      url = function(self) return said[self.n] end,
    }))
    for _, wanted in ipairs { "/gr%C3%BCn%20wei%C3%9F", "/a%22%3Cb%3E%60",
      "/%41%20/x", "/a//b", "/.a/..b/...", "/x?q=../..#/../", "/" } do
      page:click "inc"
      assert.equal(wanted, page.told[1].url)
    end
  end)

  it("holds nothing that ends a string or an element (4.3, defect 14)", function()
    local said = "/</script>\u{2028}\u{2029}\"'?<!--\"#</script>\u{2028}"
    local page = paged(buttons({ inc = inc }, {
      url = function(self) return self.n > 0 and said or "/n" end,
    }))
    page:click "inc"
    local url = page.told[1].url
    assert.matches("^/%%3C/script%%3E%%E2%%80%%A8", url)
    assert.not_matches("[<>\"\\\128-\255%c]", url)
  end)

  it("that leaves the app is its author's error, with component and place",
    function()
      local wrong = {
        [""] = 'must begin with "/"',
        ["x"] = 'must begin with "/"',
        ["?n=1"] = 'must begin with "/"',
        ["https://example.org/"] = 'must begin with "/"',
        ["javascript:x"] = 'must begin with "/"',
        ["//example.org/x"] = 'must not begin with "//"',
        ["/\\example.org"] = "no address may hold",
        ["/a\nb"] = "no address may hold",
        ["/a\0b"] = "no address may hold",
        ["/a/../../b"] = 'must not hold "." or ".."',
        ["/.."] = 'must not hold "." or ".."',
        ["/a/./b"] = 'must not hold "." or ".."',
        ["/a/%2e%2E/b"] = 'must not hold "." or ".."',
        ["/a/.%2e?x"] = 'must not hold "." or ".."',
        ["/100%"] = "two hexadecimal digits",
        ["/%4g"] = "two hexadecimal digits",
      }
      local now
      local made = buttons({ inc = inc }, {
        url = function(self) return self.n > 0 and now or nil end,
      })
      drive.log(false)
      for value, trouble in pairs(wrong) do
        now = value
        local page = paged(made)
        local result, sent = page:click "inc"
        assert.equal("ERR_APP", result, value)
        local said = sent[1].body:gsub("&quot;", '"')
        assert.matches(trouble, said, 1, true)
        assert.matches('url of "spec/address%d+" %(.-address_spec%.lua:%d+%):', said)
        assert.same({}, page.told)
        assert.equal("turn 1", stands(page))
      end
      for _, value in ipairs { false, 5, {}, print } do
        now = value
        local made_so = buttons({ inc = inc }, {
          url = function(self) if self.n > 0 then return now end end,
        })
        local result, sent = paged(made_so):click "inc"
        assert.equal("ERR_APP", result)
        assert.matches("an address must be a string, not a " .. type(value),
          sent[1].body)
      end
      drive.log(true)
    end)

  it("is followed by push or nothing (11.2)", function()
    drive.log(false)
    for _, how in ipairs { "psuh", "replace", 1, true } do
      local page = paged(buttons({ inc = inc }, {
        url = function(self)
          if self.n > 0 then return "/x", how end
        end,
      }))
      local result, sent = page:click "inc"
      assert.equal("ERR_APP", result)
      assert.matches("or nothing, not " .. tostring(how), sent[1].body)
    end
    drive.log(true)
  end)

  it("has 2048 bytes at most, as they are sent", function()
    drive.log(false)
    local page = paged(buttons({ inc = inc }, {
      url = function(self)
        local long = { "/" .. ("x"):rep(2047), "/" .. ("x"):rep(2048),
          "/" .. ("ü"):rep(400) }
        return long[self.n]
      end,
    }))
    assert.equal("OK", (page:click "inc"))
    assert.equal(2048, #page.told[1].url)
    local result, sent = page:click "inc"
    assert.equal("ERR_APP", result)
    assert.matches("is too long", sent[1].body)
    drive.log(true)
  end)

  it("neither waits nor asks for anything", function()
    drive.log(false)
    for _, f in ipairs { function() s.sleep(1) end, function() s.answer() end,
      function() s.history("push", "/x") end } do
      local page = paged(buttons({ inc = inc }, {
        url = function(self) if self.n > 0 then f() end end,
      }))
      local result, sent = page:click "inc"
      assert.equal("ERR_APP", result)
      assert.matches("url", sent[1].body)
    end
    drive.log(true)
  end)

  it("fails the first turn like any function of it", function()
    drive.log(false)
    local page = visit(component {
      render = function() return { "p" } end,
      url = function() return "nowhere" end,
    })
    drive.log(true)
    assert.is_nil(page.cid)
    assert.matches("must begin with", page.first)
  end)

  it("is what it was after a failed turn", function()
    drive.log(false)
    local page = paged(counter("push", {
      boom = function(self)
        self.n = 9
        s.history("push", "/boom")
        error "boom"
      end,
    }))
    page:click "inc"
    page:click "boom"
    drive.log(true)
    assert.same({}, page.told)
    assert.matches("url /n?n=1", stands(page), 1, true)
    page:click "inc"
    assert.equal("/n?n=2", page.told[1].url)
  end)

  it("is kept through a restart, and forks take it along", function()
    local page = paged(counter())
    page:click "inc"
    drive.restart()
    assert.equal("turn 2 url /n?n=1", stands(page))
    local fork = s.conversation(page.cid):fork()
    while drive.poll() > 0 do end
    local other = setmetatable({ cid = fork.cid, name = "pg" }, getmetatable(page))
    assert.equal("turn 1 url /n?n=1", stands(other))
    other:click "inc"
    assert.equal("/n?n=2", other.told[1].url)
    assert.matches("url /n?n=1", stands(page), 1, true)
  end)

  it("is kept beside what s.io has still to do", function()
    local page = paged(counter(nil, {
      work = function(self)
        local sum = s.io(jobs.add, 40, 2)
        self.n = sum
      end,
    }))
    page:click "inc"
    page:click "work"
    drive.restart()
    assert.matches("url /n?n=1", stands(page), 1, true)
    page:click "inc"
    assert.equal("/n?n=2", page.told[1].url)
    drive.workers { n = 1 }
    drive.work()
    drive.workers(false)
    assert.matches("url /n?n=42", stands(page), 1, true)
  end)

  it("goes back with the state", function()
    local page = paged(counter())
    for _ = 1, 3 do page:click "inc" end
    page:post { back = 2 }
    assert.same({ { turn = 2, url = "/n?n=1", back = "pg 2" } }, page.told)
    assert.equal("turn 2 url /n?n=1", stands(page))
    page:post { back = 4 }
    assert.equal("/n?n=3", page.told[1].url)
  end)
end)

describe("s.history", function()
  local function tabs()
    return buttons {
      push = function() s.history("push", "/t?t=2") end,
      replace = function() s.history("replace", "/t?t=3") end,
      data = function() return { "history", "push", "/t?t=4" } end,
      both = function()
        s.history("push", "/t?t=5")
        s.history("replace", "/t?t=6")
      end,
      inc = inc,
    }
  end

  it("sets the address, as a call and as data", function()
    local page = paged(tabs())
    assert.equal("turn 1", stands(page))
    page:click "push"
    assert.same({ { turn = 2, url = "/t?t=2", push = "pg", was = 1 } }, page.told)
    page:click "replace"
    assert.same({ { turn = 3, url = "/t?t=3" } }, page.told)
    page:click "data"
    assert.same({ { turn = 4, url = "/t?t=4", push = "pg", was = 3 } }, page.told)
    page:click "inc"
    assert.same({}, page.told)
  end)

  it("makes one entry a turn, with the last address", function()
    local page = paged(tabs())
    page:click "both"
    assert.same({ { turn = 2, url = "/t?t=6", push = "pg", was = 1 } }, page.told)
  end)

  it("makes none when nothing has changed", function()
    local page = paged(tabs())
    page:click "push"
    page:click "push"
    assert.same({}, page.told)
  end)

  it("is a state of its own, to be gone back from", function()
    local page = paged(tabs())
    page:click "push"
    page:click "replace"
    page:post { back = true }
    assert.equal("/t?t=2", page.told[1].url)
    page:post { back = true }
    assert.is_nil(page.told[1].url)
  end)

  it("has its way over url, until that says something new (11.5)", function()
    local page = paged(counter("push", {
      mine = function() s.history("replace", "/mine") end,
      both = function(self)
        self.n = self.n + 1
        s.history("replace", "/both")
      end,
    }))
    page:click "mine"
    assert.same({ { turn = 2, url = "/mine" } }, page.told)
    page:click "still" -- url says what it said before
    assert.same({}, page.told)
    page:click "inc"
    assert.same({ { turn = 4, url = "/n?n=1", push = "pg", was = 2 } }, page.told)
    page:click "both"
    assert.same({ { turn = 5, url = "/both" } }, page.told)
    drive.restart()
    page:click "still"
    assert.same({}, page.told)
    assert.matches("url /both", stands(page), 1, true)
    page:click "inc"
    assert.equal("/n?n=3", page.told[1].url)
  end)

  it("goes with the end of a conversation", function()
    local page = paged(buttons {
      bye = function()
        s.history("replace", "/bye")
        s.finish()
      end,
    })
    page:click "bye"
    assert.equal("/bye", page.told[1].url)
  end)
end)

describe("an entry", function()
  local Child = buttons { answer = function() s.answer(1) end,
    fail = function() s.answer_error "no" end, inc = inc }
  local function caller()
    return buttons {
      inc = inc,
      call = function() s.call(Child) end,
      await = function(self) self.n = s.await(Child) end,
      become = function() s.become(Child) end,
      later = function() s.after(1, "call") end,
      boom = function()
        s.call(Child)
        error "boom"
      end,
      pay = function()
        s.isolate()
        s.call(Child)
      end,
      back = function() s.back() end,
    }
  end

  it("is made by turns that call, answer or become", function()
    for _, how in ipairs { "call", "await" } do
      local page = paged(caller())
      page:click(how)
      assert.same({ { turn = 2, push = "pg", was = 1 } }, page.told)
      page:click "answer"
      assert.same({ { turn = 3, push = "pg", was = 2 } }, page.told)
    end
    local page = paged(caller())
    page:click "become"
    assert.same({ { turn = 2, push = "pg", was = 1 } }, page.told)
  end)

  it("is made by an answer that is an error, and by a flow's end", function()
    local flow = define.flow(function() s.await(Child) end)
    local page = paged(buttons {
      run = function(self) self.n = pcall(s.await, flow) and 1 or 2 end,
    })
    for n, how in ipairs { "answer", "fail" } do
      page:click "run"
      page:click(how)
      assert.matches("n=" .. n, page:text())
      assert.equal("pg", page.told[1].push)
    end
  end)

  it("is not made by other turns", function()
    drive.log(false)
    local page = paged(caller())
    for _, event in ipairs { "inc", "boom" } do
      page:click(event)
      assert.same({}, page.told)
    end
    drive.log(true)
    page:click "later"
    page:advance(2)
    assert.same({}, page.told)
    page:click "answer"
    assert.same({ { turn = 5, push = "pg", was = 4 } }, page.told)
    page = paged(caller(), "") -- the mount said back = false
    page:click "call"
    assert.same({}, page.told)
  end)

  it("that was asked for is made all the same when turns make none", function()
    local page = paged(counter "push", "")
    page:click "inc"
    assert.equal("pg", page.told[1].push)
    drive.restart()
    page:click "inc"
    assert.equal("pg", page.told[1].push)
  end)

  it("is made by itself only when one can go back", function()
    drive.history(0)
    local page = paged(caller())
    page:click "call"
    assert.same({}, page.told)
    page = paged(counter "push")
    page:click "inc"
    assert.equal("pg", page.told[1].push)
    drive.history()
  end)

  it("of a turn that isolates names a turn that is refused", function()
    local page = paged(caller())
    page:click "pay"
    assert.same({ { turn = 2, push = "pg", was = 1 } }, page.told)
    assert.equal("ERR_CONFLICT", (page:post { back = page.told[1].was }))
    assert.equal("OK", (page:post { back = 2 }))
  end)

  it("is left with a turn by which its state is found again", function()
    local page = paged(caller())
    page:click "inc"
    page:click "inc"
    page:click "call"
    assert.equal(3, page.told[1].was)
    assert.equal("OK", (page:post { back = page.told[1].was }))
    assert.matches("n=2;", page:text())
    assert.same({ { turn = 3, back = "pg 2" } }, page.told)
    -- It is told of each turn there, for the numbers of these find nothing later.
    page:click "call"
    assert.same({ { turn = 6, push = "pg", was = 3 } }, page.told)
    page:click "inc"
    assert.same({}, page.told)
    assert.equal("OK", (page:post { back = 3 }))
    page:click "inc"
    assert.same({ { turn = 9 } }, page.told)
    page:click "inc"
    assert.same({}, page.told)
  end)

  it("is made by no turn that goes back", function()
    local page = paged(caller())
    page:click "call"
    page:click "answer"
    page:click "back"
    assert.equal(2, page.told[1].turn)
    assert.is_nil(page.told[1].push)
    assert.is_nil(page.told[1].back)
  end)
end)

describe("what Back asks first", function()
  it("has 500 bytes at most", function()
    local function mount(question)
      s.mount("/address-asks", buttons({}), { back = question })
    end
    mount(("x"):rep(500))
    assert.has_error(function() mount(("x"):rep(501)) end)
    s.unmount "/address-asks"
  end)
end)

describe("s.scroll_to and s.focus", function()
  it("reach the page behind what is drawn, in order", function()
    local page = paged(buttons {
      go = function(self)
        s.scroll_to "#end"
        self.n = 1
        s.focus "#field"
        return { { "focus", "h1" }, { "scroll_to", ".x > p" } }
      end,
    })
    local _, sent = page:click "go"
    local got = {}
    for i, f in ipairs(sent) do got[i] = f.kind .. " " .. f.selector end
    assert.same({ "elements ", "scroll #end", "focus #field", "focus h1",
      "scroll .x > p" }, got)
  end)
end)
