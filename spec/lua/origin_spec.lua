-- s.context and s.principal: what the app says of the request that a conversation
-- began with. Who calls the app's functions is the host's (spec/c/host/boundary).
local s = require "stube"
local drive = require "stube.drive"
local visit = require "spec.lua.visit"

local function refuses(text, context)
  local ok, e = pcall(visit, "spec/origin", context)
  assert.is_false(ok)
  assert.matches(text, e, 1, true)
end

s.component("spec/origin", {
  init = function() return { at_init = s.principal() } end,
  render = function(self)
    local context = s.context() or {}
    return { "p", "init:", tostring(self.at_init), " shop:", context.shop,
      " first:", context.list and context.list[1],
      " principal:", tostring(s.principal()),
      { "button", on_click = "look", "look" },
      { "button", on_click = "spoil", "spoil" },
      { "button", on_click = "fail", "fail" },
      { "button", on_click = "back", "back" },
      { "button", on_click = "call", "call" } }
  end,
  on = {
    look = function(self) self.seen = s.principal() end,
    spoil = function()
      local c = s.context()
      c.shop, c.list[1] = "spoilt", "spoilt"
    end,
    fail = function() error "no" end,
    back = function() s.back() end,
    call = function() s.call("spec/origin-called", "back") end,
  },
})
s.component("spec/origin-called", {
  render = function() return { "i", s.principal(), " is still here" } end,
})

describe("context and principal", function()
  local context = { shop = "north", list = { "a", "b" } }

  it("are there in init, in drawings and in handlers (1.8, 8.10, 16.2)", function()
    local page = visit("spec/origin", context, "ada")
    assert.matches("init:ada shop:north first:a principal:ada", page:text())
    page:click "look"
    page:click "call"
    assert.matches("ada is still here", page:text())
  end)

  it("are nil when the app says nothing, and outside of conversations",
    function()
      assert.matches("init:nil shop: first: principal:nil",
        visit("spec/origin"):text())
      assert.is_nil(s.context())
      assert.is_nil(s.principal())
    end)

  it("stay through sleep, failed turns and going back", function()
    local page = visit("spec/origin", context, "ada")
    for _, label in ipairs { "look", "fail", "look", "back", "fail" } do
      drive.hot(1)
      visit("spec/origin", nil, "bob"):click "look" -- the other one falls asleep
      drive.hot()
      drive.log(false)
      page:click(label)
      drive.log(true)
      assert.matches("shop:north first:a principal:ada", page:text())
    end
  end)

  it("are copies: what one changes in them is gone", function()
    local page = visit("spec/origin", context, "ada")
    page:click "spoil"
    assert.matches("shop:north first:a", page:text())
  end)

  it("belong to one conversation each", function()
    local a = visit("spec/origin", nil, "ada")
    local b = visit("spec/origin", nil, "bob")
    assert.matches("principal:ada", a:text())
    assert.matches("principal:bob", b:text())
  end)

  it("go with a fork", function()
    local page = visit("spec/origin", context, "ada")
    page:click "look"
    local fork = s.conversation(page.cid):fork()
    while drive.poll() > 0 do end
    assert.matches("shop:north first:a principal:ada", drive.page(fork.cid))
  end)

  it("may be false, a number, a table", function()
    for _, v in ipairs { 1, 1.5, "x", true } do
      assert.matches("principal:" .. tostring(v),
        visit("spec/origin", nil, v):text())
    end
    assert.matches("principal:false", visit("spec/origin", nil, false):text())
  end)

  it("can be plain data only, and the error says where it is not", function()
    refuses("plain values are wanted, and context.db is a function",
      { db = print })
    refuses("context is a userdata", io.stdout)
    refuses("context.a.2.c is a thread",
      { a = { 1, { c = coroutine.create(print) } } })
  end)

  it("have a limit", function()
    -- 16,384 bytes, of which the two names and the lengths take a few
    local page = visit("spec/origin", ("x"):rep(16300), "ada")
    assert.matches("principal:ada", page:text())
    refuses("over 16384 bytes", ("x"):rep(16384))
  end)
end)
