-- s.renew_session as an effect. What it changes is in spec/c/host/session_spec.c.
local s = require "stube"
local drive = require "stube.drive"
local visit = require "spec.lua.visit"

describe("renewing a visitor's token", function()
  it("is nothing to do outside of a conversation, or while a page is made",
    function()
      local ok, e = pcall(s.renew_session)
      assert.is_false(ok)
      assert.matches("renew_session works inside a conversation only", e, 1, true)
      s.component("spec/renew-boot", {
        start = function() s.renew_session() end,
        render = function() return { "p" } end,
      })
      drive.log(false)
      local page = visit "spec/renew-boot"
      drive.log(true)
      assert.is_nil(page.cid)
      assert.matches("session_spec.lua:13: renew_session: a page that is drawn "
        .. "for the first time has a token of its own", page.first, 1, true)
    end)

  it("wants a visitor, and says so where it is called", function()
    local said
    s.component("spec/renew", {
      render = function() return { "button", on_click = "go", "go" } end,
      on = { go = function()
        local ok, e = pcall(function() s.renew_session() end)
        said = not ok and e
      end },
    })
    visit("spec/renew"):click "go"
    assert.matches("session_spec.lua:%d+: renew_session: this conversation has "
      .. "no visitor", said)
  end)
end)
