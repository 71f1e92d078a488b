-- Writes a C file that holds the given files' bytes: `lua embed.lua OUT FILE...`.
-- Names: lua/stube/ui.lua is "lua/stube/ui.lua", build/gen/client.js "client.js".
local out = assert(io.open(arg[1], "w"))
out:write('#include "host/assets.h"\n\n')
local names = {}
for i = 2, #arg do
  local path = arg[i]
  local name = path:gsub("^build/gen/", ""):gsub("^src/client/", "")
  local file = assert(io.open(path, "rb"))
  local bytes = file:read("a")
  file:close()
  out:write(("static const unsigned char f%d[] = {"):format(i))
  for at = 1, #bytes, 4096 do
    out:write((bytes:sub(at, at + 4095):gsub(".", function(c)
      return c:byte() .. ","
    end)), "\n")
  end
  out:write("0};\n")
  local module = name:match("^lua/(.*)%.lua$")
  module = module and ('"%s"'):format(module:gsub("/", ".")) or "NULL"
  names[#names + 1] = ('  { "%s", %s, f%d, %d },\n'):format(name, module, i,
    #bytes)
end
table.sort(names)
out:write("const Asset assets[] = {\n", table.concat(names), "};\n")
out:write("const size_t n_assets = sizeof assets / sizeof *assets;\n")
out:close()
