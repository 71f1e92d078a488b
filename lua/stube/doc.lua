--- Reads the comments of the public names: `s.help` shows them, docs/api.md is made of
--- them (tools/api.lua). Pure: source text in, entries out.

local M = {}

---@class stube.DocEntry
---@field name string "await", "c:fork", "atom:update"
---@field section string the heading it stands under in stube.lua
---@field signature string "s.await(embed, [opts])"
---@field text string[] lines of Markdown
---@field params { name: string, type: string, text: string, optional: boolean }[]
---@field returns { name: string, type: string, text: string }[]

--- "table<string, integer>? what it is for": the type, and the rest.
local function split_type(text)
  local depth, at = 0, 1
  while at <= #text do
    local c = text:sub(at, at)
    if c:find "[%(%[{<]" then depth = depth + 1 end
    if c:find "[%)%]}>]" then depth = depth - 1 end
    local before = text:sub(at - 1, at - 1)
    if c == " " and depth <= 0 and before ~= ":" and before ~= "," then
      return text:sub(1, at - 1), text:sub(at + 1)
    end
    at = at + 1
  end
  return text, ""
end

--- A block of comment lines, without their dashes, as an entry without a name.
local function read(lines)
  local entry = { text = {}, params = {}, returns = {} }
  for _, line in ipairs(lines) do
    local tag, rest = line:match "^@(%w+)%s*(.*)$"
    if not tag then
      entry.text[#entry.text + 1] = line:gsub("^ ", "")
    elseif tag == "param" then
      local name, optional, more = rest:match "^([%w_%.]+)(%??)%s+(.*)$"
      local type, text = split_type(more)
      entry.params[#entry.params + 1] = { name = name, type = type, text = text,
        optional = optional == "?" }
    elseif tag == "return" then
      local type, text = split_type(rest)
      local name, more = text:match "^([%w_]+)%s*(.*)$"
      entry.returns[#entry.returns + 1] = { name = name or type, type = type,
        text = more or "" }
    end
  end
  while entry.text[1] == "" do table.remove(entry.text, 1) end
  return entry
end

--- Calls `see(line, comment, heading)` for each line of code; `comment` is the block
--- right above it, as an entry, or nil.
local function walk(source, see)
  local block, heading = nil, ""
  for line in (source .. "\n"):gmatch "([^\n]*)\n" do
    local comment = line:match "^%-%-%-(.*)$"
    if comment then
      block = block or {}
      block[#block + 1] = comment
    else
      local title = line:match "^%-%- (%u[^%(:]*)"
      if title and not block and not title:find "^KEEP" then heading = title:gsub("%s+$", "") end
      if line ~= "" then see(line, block and read(block), heading) end
      block = nil
    end
  end
end

--- The comment of the function `name` of a module's source; of what it returns, without
--- a name.
local function comment_of(source, name)
  local found
  walk(source, function(line, comment)
    local own = name and line:match "^function [%w_]+[%.:]([%w_]+)%("
      or not name and line:match "^return function%("
    if comment and own and (not name or own == name) then found = comment end
  end)
  return found
end

local function signature(called, entry, is_value)
  if is_value then return called end
  local names = {}
  for i, p in ipairs(entry.params) do
    names[i] = p.optional and "[" .. p.name .. "]" or p.name
  end
  return called .. "(" .. table.concat(names, ", ") .. ")"
end

local function finish(entry, name, called, section, is_value)
  entry.name, entry.section = name, section
  entry.signature = signature(called, entry, is_value)
  return entry
end

--- Methods of a class, in the order of the source: `function Conversation:fork(`, and
--- `Atom.get = `.
local function methods(list, source, class, called, section)
  walk(source, function(line, comment)
    local name = line:match("^function " .. class .. "[%.:]([%w_]+)%(")
      or line:match("^" .. class .. "%.([%w_]+) = ")
    if not comment or not name or name:find "^__" then return end
    list[#list + 1] = finish(comment, called .. ":" .. name, called .. ":" .. name,
      section, false)
  end)
end

--- All entries, in order.
---@param source_of fun(module: string): string? the source of "stube.atom"
---@return stube.DocEntry[]
function M.entries(source_of)
  local list, modules = {}, {}
  local source = assert(source_of "stube")
  local function add(line, comment, heading)
    local name, from, member = line:match "^s%.([%w_]+) = ([%w_]+)%.?([%w_]*)"
    local alias, module = line:match '^local ([%w_]+) = require "([%w_%.]+)"'
    if alias then modules[alias] = module end
    if not name then return end
    local of = modules[from] and source_of(modules[from])
    local found = comment or of and comment_of(of, member ~= "" and member or nil)
    if not found then return end
    local is_value = not modules[from] or name == "null" or name == "log"
    list[#list + 1] = finish(found, name, "s." .. name, heading, is_value)
  end
  local last = ""
  walk(source, function(line, comment, heading)
    if heading ~= last then
      if last:find "^Conversations" then
        methods(list, source_of "stube.conversation" or "", "Conversation", "c", last)
      elseif last:find "^Values" then
        methods(list, source_of "stube.atom" or "", "Atom", "atom", last)
      end
      last = heading
    end
    add(line, comment, heading)
  end)
  return list
end

--- One entry as plain text.
---@param e stube.DocEntry
---@return string
function M.text(e)
  local out, indent = { e.signature, "" }, "  "
  for _, line in ipairs(e.text) do
    if line:find "^```" then
      indent = indent == "  " and "      " or "  "
    else
      out[#out + 1] = (indent .. line):gsub("%s+$", "")
    end
  end
  local function add(kind, list)
    if #list > 0 then out[#out + 1] = "\n  " .. kind end
    for _, p in ipairs(list) do
      out[#out + 1] = "    " .. p.name .. (p.name ~= p.type and ": " .. p.type or "")
        .. (p.text ~= "" and ", " .. p.text or "")
    end
  end
  add("takes", e.params)
  add("gives", e.returns)
  return table.concat(out, "\n")
end

return M
