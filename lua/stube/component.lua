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
  on = "table",
  render = "function",
  start = "function",
  stop = "function",
  styles = "string",
  update = "function",
  upgrade = "function|string",
  wakeup = "function",
}

local policies = { keep = true, restart = true }

--- Keys whose time has not come say so, instead of being ignored.
local later = {
  modules = true, state = true, url = true,
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

--- A request for an instance: plain data.
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

local function check_definition(what, definition, level)
  for key in pairs(definition) do
    if later[key] then
      error(("%s: the key %s is not there yet"):format(what, key), level + 1)
    end
  end
  check.keys(what, definition, shape, level + 1)
  for name, f in pairs(definition.on or {}) do
    if type(name) ~= "string" then
      error(("%s: on has events by name, not by %s"):format(what,
        type(name)), level + 1)
    end
    check.type(("%s: on.%s"):format(what, name), f, "function", level + 1)
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

--- Defines a component, or redefines it for every live instance.
---@param id string "namespace/name"
---@param definition table see docs/api.md
---@return table component call it with args for an embed
function M.component(id, definition)
  check_id("component", id, 2)
  check.type(('component "%s"'):format(id), definition, "table", 2)
  kernel.define(id, register("component", id, definition, 2))
  return component_value(id)
end

--- Defines a flow: a component whose body waits and answers what it returns.
---@param id string "namespace/name"
---@param definition? table its other keys
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

local function check_name(what, id)
  local name = id_of(id)
  if not name then
    error(("%s: a component or its id is wanted, not a %s"):format(what,
      type(id)), 3)
  end
  return name
end

--- The current definition, or nil.
---@param id string|table
---@return table?
function M.lookup(id)
  return kernel.definition(check_name("lookup", id))
end

--- A definition's `doc`.
---@param id string|table
---@return string?
function M.help(id)
  local definition = kernel.definition(check_name("help", id))
  return definition and definition.doc
end

--- Where it was defined, as "file:line".
---@param id string|table
---@return string?
function M.where(id)
  return places[check_name("where", id)]
end

return M
