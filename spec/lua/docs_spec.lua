-- Every ```lua piece of README.md and docs/ runs. The pieces of a page are one app: each
-- continues the one before, on the lines where it stands in the page, so that an error
-- names the page's line. A piece that begins with the name of a file ("-- orders.lua") is
-- that file, which the others can require. What a page defines is drawn: see drawn.lua.
-- The examples of api.md stand each for itself, and must compile.
local command = require "spec.lua.command"

local function lines_of(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

--- The pieces of a page: { line = of its first line, lines = { ... } }.
local function pieces_of(path)
  local pieces, piece = {}, nil
  for n, line in ipairs(lines_of(path)) do
    local fence = line:match "^%s*```%s*(%l*)"
    if not fence then
      if piece then piece.lines[#piece.lines + 1] = line end
    elseif piece or fence ~= "lua" then
      piece = nil
    else
      piece = { line = n + 1, lines = {} }
      pieces[#pieces + 1] = piece
    end
  end
  return pieces
end

--- The files that a page makes: name -> text; "" is the app.
local function files_of(pieces)
  local files = {}
  for _, piece in ipairs(pieces) do
    local name = piece.lines[1]:match "^%-%- (%w+)%.lua$" or ""
    local file = files[name] or {}
    files[name] = file
    for n = #file + 1, piece.line - 1 do file[n] = "" end
    table.move(piece.lines, 1, #piece.lines, piece.line, file)
  end
  for name, file in pairs(files) do files[name] = table.concat(file, "\n") end
  return files
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text, "\n")
end

local RUNNER = [[
describe("the page", function()
  for _, look in ipairs(require "spec.lua.drawn" (%q, %q)) do it(look[1], look[2]) end
  it("is loaded", function() end)
end)
]]

local serial = 0

--- Draws what a page defines; what went wrong is told with the page's name.
local function draw(path, files)
  local dir = os.tmpname()
  os.remove(dir)
  serial = serial + 1
  local app = ("page%d"):format(serial)
  local runner = dir .. "/run_spec.lua"
  assert(os.execute("mkdir " .. dir))
  for name, text in pairs(files) do
    write(("%s/%s.lua"):format(dir, name == "" and app or name), text)
  end
  write(runner, RUNNER:format(dir, app))
  local said, code = command.stube("test", runner)
  os.execute("rm -r " .. dir)
  said = said:gsub(dir:gsub("%p", "%%%0") .. "/", ""):gsub(app .. "%.lua", path)
  return code == 0 and said:match "[1-9]%d* success" ~= nil, said
end

local pages = { "README.md" }
do
  local pipe <close> = assert(io.popen "ls docs/*.md")
  for path in pipe:lines() do pages[#pages + 1] = path end
end

describe("the code in", function()
  for _, path in ipairs(pages) do
    local pieces = pieces_of(path)
    if path ~= "docs/api.md" and #pieces > 0 then
      it(path .. " runs, and what it defines is drawn", function()
        local ok, said = draw(path, files_of(pieces))
        assert(ok, said)
      end)
    end
  end

  it("docs/api.md compiles", function()
    local pieces = pieces_of "docs/api.md"
    assert.is_true(#pieces > 10)
    for _, piece in ipairs(pieces) do
      local text = ("\n"):rep(piece.line - 1) .. table.concat(piece.lines, "\n")
      local ok, e = load(text, "@docs/api.md")
      if not ok then ok = load("return " .. text, "@docs/api.md") end -- an expression
      assert(ok, e)
    end
  end)

  it("tutorial and guide is there at all", function()
    for _, path in ipairs { "docs/tutorial.md", "docs/guide.md" } do
      assert.is_true(#pieces_of(path) >= 15, path)
    end
  end)
end)

describe("a page that does not hold", function()
  local function told(text)
    local ok, said = draw("docs/x.md", { [""] = "\n\nlocal s = require 'stube'\n" .. text })
    assert.is_false(ok)
    return said
  end

  it("is told with its line", function()
    assert.matches("docs/x.md:4:", told "s.component(})", 1, true)
    assert.matches("docs/x.md:4:", told "s.componant('x/y', {})", 1, true)
    assert.matches("docs/x.md:5: attempt to call a nil value", told [[
s.component("x/y", { render = function()
  missing() end })]], 1, true)
    assert.matches("the event go: .*docs/x.md:6: It failed", told [[
s.component("x/y", { render = function()
  return { "button", on_click = "go" } end, on = { go = function()
  error "It failed" end } })]])
    assert.matches("a minute passed: .*docs/x.md:5: Too late", told [[
s.flow("x/y", function() s.show { "p" } s.sleep(10)
  error "Too late" end)]])
  end)
end)
