-- Runs this very binary from a spec, as a person would in a shell.

local command = {}

-- A child of the shell that popen starts finds us as that shell's parent.
local pipe = assert(io.popen("readlink /proc/$PPID/exe"))
local binary = pipe:read "l"
pipe:close()

local function quote(word) return "'" .. word:gsub("'", "'\\''") .. "'" end

--- A file with this text, gone when `fn(path)` has ended.
function command.with_file(text, fn)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  local ok, e = pcall(fn, path)
  os.remove(path)
  if not ok then error(e, 0) end
end

--- Runs `stube` with these words; returns what it said (both outputs) and its
--- exit code.
function command.stube(...)
  local words = { quote(binary) }
  for _, word in ipairs { ... } do words[#words + 1] = quote(word) end
  local out = assert(io.popen(table.concat(words, " ") .. " 2>&1"))
  local said = out:read "a"
  local _, _, code = out:close()
  return said, code
end

--- The same for an app with this text.
function command.app(text, ...)
  local said, code
  local words = { ... }
  command.with_file(text, function(path)
    said, code = command.stube(path, table.unpack(words))
    said = said:gsub(path:gsub("%p", "%%%0"), "APP")
  end)
  return said, code
end

return command
