--- Markup helpers that are better said in Lua than in C.

local host = require "stube.host"

local M = {}

local function encode(text)
  return (tostring(text):gsub("[^%w%-._~]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end

--- The address of a path of this app, under its base path, with a query.
---@param path string "/reading-list"
---@param query? table<string, string|number>
---@return string
function M.url(path, query)
  local parts = {}
  for name, value in pairs(query or {}) do
    parts[#parts + 1] = encode(name) .. "=" .. encode(value)
  end
  table.sort(parts)
  local tail = #parts > 0 and "?" .. table.concat(parts, "&") or ""
  return host.base_path() .. path .. tail
end

--- A real link to a path of this app.
---@param path string
---@param label any markup
function M.link(path, label)
  return { "a", href = M.url(path), label }
end

return M
