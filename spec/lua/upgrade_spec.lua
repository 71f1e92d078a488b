-- What becomes of instances and flows that older code made, when it is replaced in
-- a running process. What a flow keeps across a deploy: spec/e2e/upgrade_spec.mjs.
local s = require "stube"
local drive = require "stube.drive"
local visit = require "spec.lua.visit"

--- The same as a load does: what is defined now is the host's.
local function flow(...) s.flow(...); drive.collect() end
local function component(...) s.component(...); drive.collect() end

local function define(id, policy, text)
  flow(id, { upgrade = policy }, function(args)
    local name, tries = args.name or "nobody", 0
    while true do
      tries = tries + 1
      s.await(s.info(("%s %s %d"):format(text, name, tries), { ok = "Next" }))
    end
  end)
end

describe("upgrade", function()
  setup(function() drive.log(false) end)
  teardown(function() drive.log(true) end)

  it("begins a flow again with its args when the policy is restart (B:version)", function()
    define("up/again", "restart", "old")
    local page = visit(s.embed("up/again", { name = "Ada" }))
    page:click "Next"
    define("up/again", "restart", "new")
    assert.matches("new Ada 1", page:text())
    page:click "Next"
    assert.matches("new Ada 2", page:text())
  end)

  it("closes what a flow that begins again held", function()
    local closed = 0
    local function body(text)
      return function()
        local held <close> = setmetatable({}, { -- luacheck: ignore held
          __close = function() closed = closed + 1 end,
        })
        s.await(s.info(text))
      end
    end
    flow("up/closes", { upgrade = "restart" }, body "old")
    local page = visit "up/closes"
    flow("up/closes", { upgrade = "restart" }, body "new")
    assert.matches("new", page:text())
    assert.equal(1, closed)
  end)

  it("asks a flow's function with its args and the locals of its body", function()
    define("up/asks", nil, "old")
    local page = visit(s.embed("up/asks", { name = "Ada" }))
    page:click "Next"
    local seen
    define("up/asks", function(args, locals)
      seen = { args.name, locals.name, locals.tries }
      return { name = locals.name .. " after " .. locals.tries }
    end, "new")
    assert.matches("new Ada after 2 1", page:text())
    assert.same({ "Ada", "Ada", 2 }, seen)
  end)

  it("hands a component's function the old self, once", function()
    local calls = 0
    component("up/part", {
      init = { n = 1 },
      render = function(self) return { "p", "n is " .. self.n } end,
      on = { inc = function(self) self.n = self.n + 1 end },
    })
    local page = visit "up/part"
    page:post { event = "inc" }
    component("up/part", {
      init = { count = 1 },
      upgrade = function(old)
        calls = calls + 1
        return { count = old.n * 10 }
      end,
      render = function(self) return { "p", "count is " .. self.count } end,
      on = { inc = function(self) self.count = self.count + 1 end },
    })
    assert.matches("count is 20", page:text())
    page:post { event = "inc" }
    assert.matches("count is 21", page:text())
    assert.equal(1, calls)
  end)

  it("leaves a conversation as it was while an upgrade fails", function()
    local function part(upgrade)
      component("up/fails", {
        init = { n = 1 },
        upgrade = upgrade,
        render = function(self) return { "p", "n is " .. self.n } end,
        on = { inc = function(self) self.n = self.n + 1 end },
      })
    end
    part(nil)
    local page = visit "up/fails"
    page:post { event = "inc" }
    part(function(old) old.n = nil; error "not yet" end)
    local result, sent = page:post { event = "inc" }
    assert.equal("ERR_APP", result)
    assert.matches("not yet", sent[1].body)
    part(function(old) old.n = old.n + 100 end)
    assert.matches("n is 102", page:text())
  end)

  it("says what a function may return, and may not do", function()
    local function part(upgrade)
      component("up/wrong", { init = {}, upgrade = upgrade,
        render = function() return { "p" } end })
    end
    part(nil)
    local page = visit "up/wrong"
    part(function() return 7 end)
    local _, sent = page:post { event = "-" }
    assert.matches("upgrade of .-up/wrong.- returned a number", sent[1].body)
    part(function() s.await(s.info "x") end)
    _, sent = page:post { event = "-" }
    assert.matches("cannot await in upgrade", sent[1].body)
    part(function() s.answer(1) end)
    _, sent = page:post { event = "-" }
    assert.matches("effects cannot be used in upgrade", sent[1].body)
  end)

  it("is checked when it is defined", function()
    assert.error_matches(function()
      s.component("up/bad", { upgrade = "keep" })
    end, "upgrade must be a function%(old_self%)")
    assert.error_matches(function()
      s.flow("up/bad", { upgrade = "again" }, function() end)
    end, 'upgrade is "keep", "restart" or a function, not "again"')
  end)
end)
