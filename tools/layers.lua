-- Fails when a file of src/ includes a header of a layer above its own.
-- `lua tools/layers.lua` from the project's root; layers low to high:
local order = { "base", "lua", "html", "persist", "store", "kernel", "wire",
  "http", "host" }

-- Layers side by side may not see each other either.
local may_use = {
  base = {}, lua = { "base" }, html = { "base" }, persist = { "base", "lua" },
  store = { "base" },
  kernel = { "base", "lua", "html", "persist", "store" },
  wire = { "base", "html" }, http = { "base" }, host = order,
}
-- Outside headers that only some layers may name.
local foreign = {
  { "uv%.h", { http = true, host = true } },
  { "llhttp%.h", { http = true } },
  { "lmdb%.h", { store = true } },
  { "sodium%.h", { base = true } },
  { "jansson%.h", { wire = true } },
}

local bad = 0
local function complain(path, line, text)
  io.stderr:write(("%s:%d: %s\n"):format(path, line, text))
  bad = bad + 1
end

local files = assert(io.popen("find src -name '*.[ch]' | sort"))
for path in files:lines() do
  local layer = path:match("^src/(%w+)/")
  local allowed = { [layer] = true }
  for _, l in ipairs(may_use[layer] or {}) do allowed[l] = true end
  local n = 0
  for line in io.lines(path) do
    n = n + 1
    local header = line:match('^%s*#%s*include%s+["<]([^">]+)[">]')
    local of = header and header:match("^(%w+)/")
    if of and may_use[of] and not allowed[of] then
      complain(path, n, layer .. " may not use " .. of .. " (" .. header .. ")")
    end
    for _, rule in ipairs(foreign) do
      if header and header:match("^" .. rule[1] .. "$") and not rule[2][layer] then
        complain(path, n, layer .. " may not know " .. header)
      end
    end
  end
  if n > 800 then complain(path, n, "over 800 lines: split it") end
end
files:close()
if bad > 0 then os.exit(1) end
