-- A component's own CSS, in the one stylesheet of all.
local s = require "stube"
local drive = require "stube.drive"

local ROOT = '[data-stube-component="spec/styled"]'

--- What the stylesheet makes of this CSS.
local function styled(css)
  s.component("spec/styled", { styles = css })
  local sheet = drive.styles()
  s.component("spec/styled", {})
  return sheet:gsub("\n$", "")
end

describe("styles", function()
  it("put the component's root where & stands", function()
    assert.equal(ROOT .. " { a: b } " .. ROOT .. " p," .. ROOT .. ".x { c: d }",
      (styled "& { a: b } & p,&.x { c: d }"))
  end)

  it("leave & alone in strings, URLs and comments", function()
    local css = [[a { content: "&" } b { content: '\'&' } /* & */ c{x:url(a?b&c)}]]
    assert.equal(css, (styled(css)))
  end)

  it("leave & inside a rule to the browser, which nests by it", function()
    assert.equal(ROOT .. " { &:hover { a: b } p & { c: d } } " .. ROOT .. "{}",
      (styled "& { &:hover { a: b } p & { c: d } } &{}"))
  end)

  it("look into at-rules", function()
    assert.equal("@layer a; @media (x) { " .. ROOT .. " { & i {} } } " .. ROOT .. "{}",
      (styled "@layer a; @media (x) { & { & i {} } } &{}"))
  end)

  it("bear what is not well-formed", function()
    for _, css in ipairs { "}", "} } & {", '"&', "/* &", "url(&", "a{{{{", "\\" } do
      assert.is_string(styled(css))
    end
    assert.matches("^" .. ("{"):rep(200), (styled(("{"):rep(200))))
  end)

  it("come in the order of ids, whatever the order of definition", function()
    s.component("spec/zz", { styles = "z{}" })
    s.component("spec/aa", { styles = "a{}" })
    assert.matches("a{}\n.*z{}\n", drive.styles())
    s.component("spec/zz", {})
    s.component("spec/aa", {})
  end)

  it("must be text", function()
    assert.error_matches(function() s.component("spec/x", { styles = {} }) end,
      "styles")
  end)
end)
