-- The app's own functions: mounts, settings, addresses; the stock dialogs' checks.
local s = require "stube"
local drive = require "stube.drive"
local visit = require "spec.lua.visit"

local function refuses(text, f, ...)
  local ok, e = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(text, e, 1, true)
end

describe("mounting", function()
  it("replaces an equal path and can be undone", function()
    s.component("spec/mounted", {})
    s.mount("/spec-a", "spec/mounted")
    s.mount("/spec-a", "spec/mounted", { title = "A" })
    s.mount("/spec-b", s.embed("spec/mounted", { n = 1 }))
    assert.same({ "/spec-a", "/spec-b" }, s.mounts())
    s.unmount "/spec-a"
    s.unmount "/spec-b"
    s.unmount "/spec-b"
    assert.same({}, s.mounts())
  end)

  it("refuses what cannot be mounted, and says why", function()
    refuses("begins with a slash", s.mount, "spec", "spec/mounted")
    refuses('no component "spec/nothing"', s.mount, "/x", "spec/nothing")
    refuses('no option "titel"', s.mount, "/x", "spec/mounted", { titel = "x" })
    refuses("title must be a string", s.mount, "/x", "spec/mounted",
      { title = 3 })
    assert.same({}, s.mounts())
  end)

  it("refuses a path that is taken, or is none, where s.mount is called",
    function()
      s.mount("/spec-c/:name", "spec/mounted")
      refuses('the path "/spec-c/:other" is malformed or taken', s.mount,
        "/spec-c/:other", "spec/mounted")
      refuses('"/stube/x" is taken', s.mount, "/stube/x", "spec/mounted")
      refuses('"/conv" is taken', s.mount, "/conv", "spec/mounted")
      s.mount("/convex", "spec/mounted")
      s.unmount "/convex"
      refuses("no zero byte", s.mount, "/a\0", "spec/mounted")
      refuses("under 1024", s.mount, "/" .. ("a"):rep(1023), "spec/mounted")
      refuses("malformed or taken", s.mount, "/spec-d/:", "spec/mounted")
      assert.same({ "/spec-c/:name" }, s.mounts())
      s.unmount "/spec-c/:name"
      s.mount("/spec-c/:other", "spec/mounted")
      s.unmount "/spec-c/:other"
    end)
end)

describe("addresses", function()
  it("are encoded, their queries in order", function()
    assert.equal("/list?a=1&items=x%2Cy%20z",
      s.url("/list", { items = "x,y z", a = 1 }))
    assert.same({ "a", href = "/list", "List" }, s.link("/list", "List"))
  end)
end)

describe("the stock dialogs", function()
  it("refuse options they do not have (23.1)", function()
    refuses('no key "yse"; did you mean "yes"?', s.confirm, "Sure?",
      { yse = "Yes" })
    refuses("options must be a table", s.choose, "Which?", "red")
  end)

  it("answer an option's value, and its label is what shows", function()
    local got
    s.flow("spec/chooses", function()
      got = s.await(s.choose("Which?", {
        { label = "Red", value = 1 }, { label = "Blue", value = 2 },
      }))
      s.await(s.info("You chose " .. tostring(got)))
    end)
    drive.collect()
    local page = visit "spec/chooses"
    page:click "Blue"
    assert.matches("You chose 2", page:text())
  end)
end)

describe("an event's target", function()
  it("can be the parent, or what stands in a slot (13.4)", function()
    local Child = s.component("spec/aimed-child", {
      init = { n = 0 },
      render = function(self)
        return { "p", "child ", self.n,
          { "button", on_click = { "up", 5, to = "parent" }, "tell" } }
      end,
      on = { down = function(self, by) self.n = self.n + by end },
    })
    s.component("spec/aimed", {
      init = { n = 0 },
      children = { kid = Child },
      render = function(self)
        return { "div", "parent ", self.n, s.slot "kid",
          { "button", on_click = { "down", 2, to = "kid" }, "reach" } }
      end,
      on = { up = function(self, by) self.n = self.n + by end },
    })
    drive.collect()
    local page = visit "spec/aimed"
    page:click "tell"
    page:click "reach"
    assert.matches("parent 5 child 2", page:text())
  end)
end)
