--- Argument checks whose errors blame the caller and name the nearest right word.

local check = {}

--- Edits between two short words.
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal
    diagonal, row[0] = row[0], i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      local best = math.min(diagonal + cost, row[j] + 1, row[j - 1] + 1)
      diagonal, row[j] = row[j], best
    end
  end
  return row[#b]
end

--- `; did you mean "render"?`, or nothing when no word is near.
---@param word string
---@param words table<string, any>
---@return string
function check.hint(word, words)
  local best, found = #word // 2 + 1, nil
  for candidate in pairs(words) do
    local d = distance(word, candidate)
    if d < best or (d == best and found and candidate < found) then
      best, found = d, candidate
    end
  end
  return found and ('; did you mean "%s"?'):format(found) or ""
end

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
        check.hint(name, shape)), level + 1)
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

return check
