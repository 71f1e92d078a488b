-- What cannot be saved is an error that names the way to it.
local drive = require "stube.drive"
local s = require "stube"
local visit = dofile "spec/lua/visit.lua"

local function here() return debug.getinfo(2, "l").currentline end

--- The text of the banner that a boot ends in.
local function said(embed)
  drive.log(false)
  local page = visit(embed)
  drive.log(true)
  assert.is_nil(page.cid)
  return (page.first:gsub("<[^>]*>", " "):gsub("&quot;", '"'):gsub("&#39;", "'"))
end

local function has(text, part)
  assert.is_truthy(text:find(part, 1, true), text)
end

describe("what cannot be saved", function()
  it("is named by flow, local and line", function()
    local line
    s.flow("saving/order", function()
      local db = io.tmpfile()
      line = here() + 1
      s.await(s.info "Wait")
      return db
    end)
    has(said "saving/order", ("flow \"saving/order\", local 'db' (spec/lua/saving_spec.lua:%d): "
      .. "a userdata of type FILE* cannot be saved; keep it at file level or open it when needed")
      :format(line or 0))
  end)

  it("is named by component and key (20.2)", function()
    s.component("saving/cart", {
      init = function() return { rows = { { file = io.tmpfile() } } } end,
    })
    local text = said "saving/cart"
    has(text, 'component "saving/cart", self.rows[1].file: a userdata')
    has(text, "in saving of saving/cart (ix-1)")
  end)

  it("is named in the args of an embed, and of a declared child", function()
    s.component("saving/child", { init = function() return {} end })
    local embed = { type = "saving/child", args = { db = io.tmpfile() } }
    has(said(embed), 'component "saving/child", its args.db: a userdata')
    s.component("saving/parent", { children = function() return { a = embed } end })
    has(said "saving/parent", 'component "saving/child", its args.db: a userdata')
  end)

  it("is named where there is too much", function()
    s.component("saving/much", {
      init = function()
        local rows = {}
        for i = 1, 300 do rows[i] = ("row %d "):format(i):rep(200) end
        return { rows = rows }
      end,
    })
    has(said "saving/much", 'larger than 262144 bytes; what did not fit any more is in '
      .. 'component "saving/much", self.rows')
  end)
end)
