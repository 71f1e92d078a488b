-- What a conversation and a turn may hold: at the maximum, and one past it.
local define = require "spec.lua.define" "limit"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local component = define.component

--- A page whose event "go" runs f(self, value).
local function page_of(f)
  return visit(component {
    init = {},
    render = function(self) return { "p", "n ", self.n } end,
    on = { go = f },
  })
end

describe("a limit", function()
  before_each(function()
    drive.log(false)
    drive.budget(60000) -- a slow machine must not meet another limit first
  end)
  after_each(function()
    drive.log(true)
    drive.budget()
  end)

  it("of 10,000 effects a turn", function()
    local page = page_of(function(_, n)
      for i = 1, n do s.execute_script("f(" .. i .. ")") end
    end)
    assert.equal("OK", (page:post { event = "go", value = 10000 }))
    local result, sent = page:post { event = "go", value = 10001 }
    assert.equal("ERR_APP", result)
    assert.matches("over 10000 effects", sent[1].body)
  end)

  it("of 1,000 frames on the stack", function()
    local Deep
    Deep = component {
      render = function() return { "p", "deep" } end,
      on = { go = function() s.call(s.embed(Deep)) end },
    }
    local page = visit(Deep)
    for _ = 2, 1000 do
      assert.equal("OK", (page:post { event = "go" }))
    end
    local result, sent = page:post { event = "go" }
    assert.equal("ERR_APP", result)
    assert.matches("1000 frames", sent[1].body)
  end)

  it("of 64 waiting tasks a conversation", function()
    local Ask = component { render = function() return { "p", "ask" } end }
    local Asks = component {
      render = function() return { "p", s.slot "q" } end,
      on = { go = function() s.await(Ask, { slot = "q" }) end },
    }
    local page = visit(component {
      children = { a = Asks, b = Asks, c = Asks, d = Asks, e = Asks },
      render = function()
        return { "div", s.slot "a", s.slot "b", s.slot "c", s.slot "d",
          s.slot "e" }
      end,
    })
    for iid = 2, 5 do
      for _ = 1, 16 do
        assert.equal("OK", (page:post { to = "ix-" .. iid, event = "go" }))
      end
    end
    local result, sent = page:post { to = "ix-6", event = "go" }
    assert.equal("ERR_APP", result)
    assert.matches("64 tasks", sent[1].body)
  end)

  it("of 10,000 instances a conversation", function()
    local Item = component { render = function() return { "i" } end }
    local list = component {
      init = { n = 0 },
      children = function(self)
        local items = {}
        for i = 1, self.n do items[i] = { i, Item } end
        return { items = items }
      end,
      render = function() return { "p", "items" } end,
      on = { go = function(self, n) self.n = n end },
    }
    local page = visit(list)
    local result, sent = page:post { event = "go", value = 10001 }
    assert.equal("ERR_APP", result)
    assert.matches("10000 instances", sent[1].body)
  end)

  it("of 256 KiB of state", function()
    local page = page_of(function(self, n) self.text = ("x"):rep(n) end)
    assert.equal("OK", (page:post { event = "go", value = 255 * 1024 }))
    local result, sent = page:post { event = "go", value = 256 * 1024 }
    assert.equal("ERR_APP", result)
    assert.matches("larger than 262144 bytes", sent[1].body)
  end)

  it("of 64 bytes of an event's name", function()
    local function names(n)
      local name = ("e"):rep(n)
      return visit(component {
        render = function() return { "button", on_click = name, "x" } end,
        on = { [name] = function() end },
      })
    end
    assert.equal("OK", (names(64):click "x"))
    local page = names(65)
    assert.is_nil(page.cid)
    assert.matches("1 to 64 bytes", page.first)
  end)

  it("of 8 pages whose last answer is remembered", function()
    local page = page_of(function(self) self.n = (self.n or 0) + 1 end)
    for p = 1, 8 do page:post { event = "go", page = "p" .. p, n = 1 } end
    for p = 1, 8 do page:post { event = "go", page = "p" .. p, n = 1 } end
    assert.matches("n 8", page:text())
    page:post { event = "go", page = "p9", n = 1 } -- p1's place is taken
    page:post { event = "go", page = "p2", n = 1 }
    assert.matches("n 9", page:text())
    page:post { event = "go", page = "p1", n = 1 }
    assert.matches("n 10", page:text())
  end)
end)
