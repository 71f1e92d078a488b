-- s.route, s.before, s.static: what they take. What they do is in spec/c/host.
local s = require "stube"

local function refuses(text, f, ...)
  local ok, e = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(text, e, 1, true)
end

describe("a route", function()
  local function none() return { status = 204 } end

  it("may be given again, and then is the newer one", function()
    s.route("GET", "/spec-route", none)
    s.route("GET", "/spec-route", none, { cross_site = true })
    s.route("POST", "/spec-route", none)
  end)

  it("stands at a path of its own", function()
    s.component("spec/routed", {})
    refuses('the path "/spec-route" is malformed or taken', s.mount,
      "/spec-route", "spec/routed")
    s.mount("/spec-routed", "spec/routed")
    refuses('the path "/spec-routed" is malformed, or taken for GET', s.route,
      "GET", "/spec-routed", none)
    s.route("POST", "/spec-routed", none)
    s.unmount "/spec-routed"
    refuses("malformed", s.route, "GET", "/a/*b/c", none)
    refuses('"/stube/x" is taken', s.route, "GET", "/stube/x", none)
    refuses('"/conv/x" is taken', s.route, "GET", "/conv/x", none)
  end)

  it("refuses what it cannot be", function()
    refuses("a method is one of GET", s.route, "get", "/x", none)
    refuses("a method is one of GET", s.route, "TRACE", "/x", none)
    refuses("begins with a slash", s.route, "GET", "x", none)
    refuses("function expected", s.route, "GET", "/x", {})
    refuses('no option "crosssite"; did you mean "cross_site"?', s.route, "GET",
      "/x", none, { crosssite = true })
    refuses("cross_site must be a boolean, not a number", s.route, "GET", "/x",
      none, { cross_site = 1 })
  end)
end)

describe("a folder", function()
  it("must be there", function()
    refuses('there is no folder "spec/nowhere"', s.static, "/spec-f",
      "spec/nowhere")
    refuses('there is no folder "README.md"', s.static, "/spec-f", "README.md")
  end)

  it("leaves its prefix to a mount, whichever comes first", function()
    s.static("/spec-folder", "spec/lua")
    s.mount("/spec-folder", "spec/routed")
    s.unmount "/spec-folder"
    s.mount("/spec-first", "spec/routed")
    s.static("/spec-first", "spec/lua")
    s.unmount "/spec-first"
  end)

  it("refuses what it cannot be", function()
    refuses("no : and no *", s.static, "/a/:b", "spec")
    refuses('no option "maxage"; did you mean "max_age"?', s.static, "/x",
      "spec", { maxage = 1 })
    refuses("max_age must be a number of seconds, up to a year, not -1",
      s.static, "/x", "spec", { max_age = -1 })
    refuses("max_age must be", s.static, "/x", "spec", { max_age = 31536001 })
    refuses("max_age must be", s.static, "/x", "spec", { max_age = 0 / 0 })
  end)
end)

describe("a hook", function()
  it("is a function", function()
    refuses("function expected", s.before, {})
  end)
end)
