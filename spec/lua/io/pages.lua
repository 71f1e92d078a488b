-- What the specs of s.io share: pages that do something, real workers whose results
-- come when a spec asks for them (drive.work), and a pipe that blocks a worker until the
-- spec writes to it. So nothing here depends on time.
local s = require "stube"
local drive = require "stube.drive"
local visit = require "spec.lua.visit"

local M = {}

-- What is static must be made by a load: what a page writes is kept here.
M.trace = {}

function M.write(...)
  local all = table.pack(...)
  for i = 1, all.n do all[i] = tostring(all[i]) end
  M.trace[#M.trace + 1] = table.concat(all, " ")
end

--- Before each spec: two workers, an empty store, an empty trace.
function M.begin()
  drive.workers { n = 2 }
  drive.restart(false)
  drive.collect()
  drive.advance(0)
  for i = #M.trace, 1, -1 do M.trace[i] = nil end
end

local serial = 0
local function name()
  serial = serial + 1
  return "spec/io" .. serial
end

function M.component(definition)
  definition.init = definition.init or { said = "" }
  definition.render = definition.render or function(self)
    return { "p", "said:", self.said }
  end
  local made = s.component(name(), definition)
  drive.collect()
  return made
end

function M.flow(body)
  local made = s.flow(name(), body)
  drive.collect()
  return made
end

--- A page whose event `go` does this.
function M.does(go, more)
  local definition = { on = { go = go } }
  for key, value in pairs(more or {}) do definition.on[key] = value end
  return visit(M.component(definition))
end

--- Clicks, and lets the workers do what that asks for.
function M.go(page, value)
  local result = page:post { event = "go", value = value }
  drive.work()
  return result
end

function M.quietly(f)
  drive.log(false)
  local ok, e = pcall(f)
  drive.log(true)
  if not ok then error(e, 0) end
end

--- The error banner that a click leads to.
function M.banner(page, value)
  local sent
  M.quietly(function() sent = select(2, page:post { event = "go", value = value }) end)
  return (sent[1].body:gsub("&quot;", '"'):gsub("&#39;", "'"))
end

--- A pipe in the file system that jobs.read blocks on until we give it something.
local Pipe = {}
Pipe.__index = Pipe

function Pipe:open()
  self.file = self.file or assert(io.open(self.path, "r+"))
  return self
end

--- Until so many have begun to read it; with `turns`, conversations go on meanwhile.
function Pipe:wait(n, turns)
  drive.wait(function()
    local f = io.open(self.path .. ".readers")
    local all = f and f:read "a" or ""
    if f then f:close() end
    return #all >= (n or 1)
  end, turns)
end

function Pipe:give(text)
  self:open().file:write(text or "")
  self.file:close()
  self.file = nil
end

function M.with_pipe(f)
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute("mkfifo " .. path))
  local pipe = setmetatable({ path = path }, Pipe):open()
  local ok, e = pcall(f, pipe)
  pipe:give()
  os.remove(path)
  os.remove(path .. ".readers")
  if not ok then error(e, 0) end
end

function M.lines(path)
  local all = {}
  for line in io.lines(path) do all[#all + 1] = line end
  return all
end

return M
