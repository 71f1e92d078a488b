--- Definitions: checked, completed by what they extend, registered by id.
---
--- A component is a value that stands for its id: called, it makes an embed;
--- indexed, it gives the members of the newest definition.

local check = require "stube.check"
local kernel = require "stube.kernel"

local M = {}

local shape = {
  children = "table|function",
  doc = "string",
  extends = "string|table",
  handle = "function",
  init = "table|function",
  modules = "table",
  on = "table",
  render = "function",
  start = "function",
  state = "table",
  stop = "function",
  styles = "string",
  update = "function",
  upgrade = "function|string",
  url = "function",
  wakeup = "function",
}

local policies = { keep = true, restart = true }

--- The words that `state` knows. KEEP IN STEP: src/kernel/shape.c.
local words = {
  any = true, boolean = true, ["function"] = true, integer = true,
  number = true, string = true, table = true, thread = true,
}

local places = {} -- id -> "file:line"

local function check_id(what, id, level)
  check.type(what, id, "string", level + 1)
  if not id:find("^[%w_%-]+/[%w_%-./]*[%w_%-]$") then
    error(('%s "%s" needs a namespace and a name, as "todo/list"')
      :format(what, id), level + 1)
  end
end

--- The id of a component, or of an id.
local function id_of(value)
  if type(value) == "string" then return value end
  local meta = getmetatable(value)
  return type(meta) == "table" and rawget(meta, "__component") or nil
end

local embed_meta = kernel.embed_meta

--- A request for an instance, by name: plain data, as `Counter { n = 3 }` gives.
---@param id string|table a component or its id
---@param args? table what `init` gets
---@return table embed
function M.embed(id, args)
  local name = id_of(id)
  if not name then
    error("embed: a component or its id is wanted, not a " .. type(id), 2)
  end
  if args ~= nil then check.type("embed: args", args, "table", 2) end
  return setmetatable({ type = name, args = args }, embed_meta)
end

local metas = {} -- id -> the metatable of its component value, kept for ever

local function component_value(id)
  local meta = metas[id]
  if not meta then
    meta = {
      __component = id,
      __name = "stube.component",
      __index = function(_, key)
        return (kernel.definition(id) or {})[key]
      end,
      __call = function(_, args)
        if args ~= nil then check.type("args of " .. id, args, "table", 2) end
        return setmetatable({ type = id, args = args }, embed_meta)
      end,
    }
    meta.value = setmetatable({}, meta)
    metas[id] = meta
  end
  return meta.value
end

--- Lays a definition over the one it extends; `on` name by name.
local function complete(definition, base)
  local whole = {}
  for key, value in pairs(base) do whole[key] = value end
  for key, value in pairs(definition) do whole[key] = value end
  if base.on and definition.on then
    whole.on = {}
    for name, f in pairs(base.on) do whole.on[name] = f end
    for name, f in pairs(definition.on) do whole.on[name] = f end
  end
  whole.extends = nil
  return whole
end

--- `state`: see docs/guide.md. `path` begins "state.rows".
local function check_shape(what, path, shape_of, level)
  if type(shape_of) == "string" then
    for word in (shape_of:gsub("%?$", "") .. "|"):gmatch("([^|]*)|") do
      if not words[word] then
        error(('%s: %s has "%s", which is no type%s'):format(what, path, word,
          kernel.nearest(word, words)), level + 1)
      end
    end
    return
  end
  check.type(("%s: %s"):format(what, path), shape_of, "table", level + 1)
  local item = shape_of[1]
  for name, inner in pairs(shape_of) do
    if item ~= nil and name ~= 1 then
      error(("%s: %s is a list, and has one item that says what is in it")
        :format(what, path), level + 1)
    elseif item == nil and type(name) ~= "string" then
      error(("%s: %s has fields by name, not by %s"):format(what, path,
        type(name)), level + 1)
    end
    check_shape(what, item and path .. "[1]" or path .. "." .. name, inner,
      level + 1)
  end
end

--- `modules`: "ns/name" in the app's folder `modules`, or a path of the app.
local function check_modules(what, modules, level)
  for i, name in pairs(modules) do
    local is_name = type(name) == "string" and (name:find "^/[^/%s\"'<>][^%s\"'<>]*$"
      or name:find "^[%w_%-]+/[%w_%-]+$")
    if type(i) ~= "number" or not is_name then
      error(('%s: modules is a list of "ns/name" and "/paths", and has %s')
        :format(what, type(name) == "string" and '"' .. name .. '"' or
          "a " .. type(name)), level + 1)
    end
  end
end

local function check_definition(what, definition, level)
  check.keys(what, definition, shape, level + 1)
  for name, f in pairs(definition.on or {}) do
    if type(name) ~= "string" then
      error(("%s: on has events by name, not by %s"):format(what,
        type(name)), level + 1)
    end
    check.type(("%s: on.%s"):format(what, name), f, "function", level + 1)
  end
  if definition.state then
    check_shape(what, "state", definition.state, level + 1)
  end
  if definition.modules then
    check_modules(what, definition.modules, level + 1)
  end
end

--- What becomes of an instance that older code made: see docs/guide.md.
local function check_upgrade(kind, what, upgrade, level)
  if type(upgrade) ~= "string" then return end
  if kind == "component" then
    error(what .. ": upgrade must be a function(old_self); a component always "
      .. "runs its newest code", level + 1)
  elseif not policies[upgrade] then
    error(('%s: upgrade is "keep", "restart" or a function, not "%s"')
      :format(what, upgrade), level + 1)
  end
end

local function register(kind, id, definition, level)
  local what = ('%s "%s"'):format(kind, id)
  check_definition(what, definition, level + 1)
  check_upgrade(kind, what, definition.upgrade, level + 1)
  if definition.extends then
    local base_id = id_of(definition.extends)
    local base = base_id and kernel.definition(base_id)
    if not base then
      error(('%s extends "%s", which is not there'):format(what,
        tostring(base_id)), level + 1)
    end
    definition = complete(definition, base)
  else
    definition = complete(definition, {})
  end
  local info = debug.getinfo(level + 1, "Sl")
  if not kernel.reviving() then
    places[id] = info and ("%s:%d"):format(info.short_src, info.currentline)
  end
  return definition
end

--- Defines a component, or redefines it for every live instance. Raises, at the line of
--- the call, on a key that is none (with the nearest), on one of the wrong type, and on
--- an id without a namespace. docs/guide.md has the keys.
--- ```lua
--- local Counter = s.component("demo/counter", {
---   init = { n = 0 },
---   render = function(self) return { "button", on_click = "inc", self.n } end,
---   on = { inc = function(self) self.n = self.n + 1 end },
--- })
--- ```
---@param id string "namespace/name"
---@param definition table
---@return table component call it with args for an embed: `Counter { n = 3 }`
function M.component(id, definition)
  check_id("component", id, 2)
  check.type(('component "%s"'):format(id), definition, "table", 2)
  kernel.define(id, register("component", id, definition, 2))
  return component_value(id)
end

--- Defines a flow: a component whose body waits, and answers what it returns. An error
--- that escapes goes to its caller; at the root it fails the turn.
--- ```lua
--- s.flow("demo/hello", function(args)
---   s.await(s.info("Hello " .. (s.await(s.prompt "Your name?") or "stranger")))
--- end)
--- ```
---@param id string "namespace/name"
---@param definition? table its other keys, as of a component
---@param body fun(args: table): any
---@return table component
---@overload fun(id: string, body: function): table
function M.flow(id, definition, body)
  check_id("flow", id, 2)
  if body == nil or type(definition) == "function" then
    if body ~= nil then
      error(('flow "%s": its body comes last, behind its definition'):format(id), 2)
    end
    definition, body = {}, definition
  end
  check.type(('the body of flow "%s"'):format(id), body, "function", 2)
  check.type(('flow "%s"'):format(id), definition, "table", 2)
  local whole = register("flow", id, definition, 2)
  whole.body = body
  kernel.define(id, whole)
  return component_value(id)
end

--- The id of what a function was given. Raises in the name of its caller.
function M.check_name(what, id)
  local name = id_of(id)
  if not name then
    error(("%s: a component or its id is wanted, not a %s"):format(what,
      type(id)), 3)
  end
  return name
end

--- The current definition of a component or flow.
---@param id string|table
---@return table? definition nil for an id that nobody has defined
function M.lookup(id)
  return kernel.definition(M.check_name("lookup", id))
end

--- Where a component or flow was defined.
---@param id string|table
---@return string? place "file:line"; nil for an id that nobody has defined
function M.where(id)
  return places[M.check_name("where", id)]
end

return M
