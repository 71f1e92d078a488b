--- Argument checks whose errors blame the caller and name the nearest right word.

local kernel = require "stube.kernel"

local check = {}

--- Raises unless every key of `t` is in `shape` and has one of its types.
---@param what string names the table in messages: 'component "todo/list"'
---@param t table
---@param shape table<string, string> key -> types, as "function|table"
---@param level integer whose fault it is, as for error
function check.keys(what, t, shape, level)
  for key, value in pairs(t) do
    local types = shape[key]
    if not types then
      local name = tostring(key)
      error(('%s: there is no key "%s"%s'):format(what, name,
        kernel.nearest(name, shape)), level + 1)
    end
    if not ("|" .. types .. "|"):find("|" .. type(value) .. "|", 1, true) then
      error(('%s: %s must be a %s, not a %s'):format(what, key,
        types:gsub("|", " or a "), type(value)), level + 1)
    end
  end
end

--- Raises unless `value` has the type.
function check.type(what, value, wanted, level)
  if type(value) ~= wanted then
    error(("%s must be a %s, not a %s"):format(what, wanted, type(value)),
      level + 1)
  end
end

--- Calls `f`; what it raises blames the caller at `level`.
function check.call(level, f, ...)
  local results = table.pack(pcall(f, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  error(results[2], level + 1)
end

return check
