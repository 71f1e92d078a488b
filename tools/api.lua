-- Writes docs/api.md to standard output, from the comments of the public names. Run in
-- the root of the repository.
package.path = "lua/?.lua"
local doc = require "stube.doc"

local function source_of(module)
  local file = io.open("lua/" .. module:gsub("%.", "/") .. ".lua")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

local function list(title, values)
  if #values == 0 then return end
  print("\n" .. title .. "\n")
  for _, v in ipairs(values) do
    print("- " .. (v.name ~= v.type and "`" .. v.name .. "` " or "") .. "`" .. v.type
      .. "`" .. (v.text ~= "" and ": " .. v.text or ""))
  end
end

print [[
# Every public name

Made of the comments in `lua/stube.lua` and what it names, by `make api`: change it
there. `s.help "await"` says the same. [guide.md](guide.md) tells how it fits together.]]

local section
for _, e in ipairs(doc.entries(source_of)) do
  if e.section ~= section then
    section = e.section
    print("\n## " .. section)
  end
  print("\n### " .. e.signature .. "\n")
  print(table.concat(e.text, "\n"))
  list("Takes", e.params)
  list("Gives", e.returns)
end
