--- Markup helpers that are better said in Lua than in C.

local check = require "stube.check"
local host = require "stube.host"

local M = {}

local function encode(text)
  return (tostring(text):gsub("[^%w%-._~]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end

local function address(what, path, query)
  check.type(what .. ": the path", path, "string", 3)
  if query ~= nil then check.type(what .. ": the query", query, "table", 3) end
  local parts = {}
  for name, value in pairs(query or {}) do
    if type(name) ~= "string" then
      error(("%s: the query has fields by name, not by %s"):format(what,
        type(name)), 3)
    end
    parts[#parts + 1] = encode(name) .. "=" .. encode(value)
  end
  table.sort(parts)
  local tail = #parts > 0 and "?" .. table.concat(parts, "&") or ""
  return host.base_path() .. path .. tail
end

--- The address of a path of this app, under its base path, with a query.
--- ```lua
--- s.url("/list", { q = "milk & honey" }) --> "/list?q=milk%20%26%20honey"
--- ```
---@param path string "/reading-list"
---@param query? table<string, string|number>
---@return string
function M.url(path, query)
  return (address("url", path, query))
end

--- A real link to a path of this app.
---@param path string
---@param label stube.Markup
---@return stube.Markup
function M.link(path, label)
  return { "a", href = address("link", path), label }
end

return M
