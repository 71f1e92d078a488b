--- `s.help`: what the comments say of a public name, and definitions of themselves.

local component = require "stube.component"
local doc = require "stube.doc"
local kernel = require "stube.kernel"

local M = {}

local entries -- read when first asked for

local function find(name)
  entries = entries or doc.entries(kernel.source)
  local wanted = name:gsub("^s%.", ""):gsub("^conversation:", "c:")
  for _, entry in ipairs(entries) do
    if entry.name == wanted then return doc.text(entry) end
  end
end

local function all()
  local out, section = {}, nil
  entries = entries or doc.entries(kernel.source)
  for _, entry in ipairs(entries) do
    if entry.section ~= section then
      section = entry.section
      out[#out + 1] = (section and #out > 0 and "\n" or "") .. section
    end
    out[#out + 1] = "  " .. entry.signature
  end
  return table.concat(out, "\n")
end

--- What is known of a public name (`"await"`, `"s.await"`, `"c:fork"`, `"atom:update"`),
--- or a component's `doc`. Without a name: all names.
---@param name? string|table
---@return string? text nil when there is nothing
function M.help(name)
  if name == nil then return all() end
  if type(name) == "string" and not name:find "/" then return find(name) end
  local definition = kernel.definition(component.check_name("help", name))
  return definition and definition.doc
end

return M
