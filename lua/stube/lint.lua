--- `stube check`: what looks wrong in an app that has been loaded. Loaded only
--- when asked for; nothing of the app is called.

local host = require "stube.host"
local kernel = require "stube.kernel"

--- The ids in name order, so that the same app is told the same things.
local function sorted(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function kind(definition)
  return definition.body and "flow" or "component"
end

--- The id an embed asks for, or nil for what is none.
local function asked(embed)
  if type(embed) == "string" then return embed end
  if type(embed) ~= "table" then return nil end
  local meta = getmetatable(embed)
  return rawget(embed, "type") or type(meta) == "table" and meta.__component
    or nil
end

--- Children that are a table name what they are before anybody is there.
local function check_children(id, definition, say)
  local children = definition.children
  if type(children) ~= "table" then return end
  local function check(slot, embed)
    local name = asked(embed)
    if not name then
      say(('%s "%s": what stands in its slot "%s" is no embed'):format(
        kind(definition), id, tostring(slot)))
    elseif not kernel.definition(name) then
      say(('%s "%s": in its slot "%s", there is no component "%s"%s'):format(
        kind(definition), id, tostring(slot), name,
        kernel.nearest(name, kernel.definitions())))
    end
  end
  for _, slot in ipairs(sorted(children)) do
    local value = children[slot]
    if asked(value) then
      check(slot, value)
    elseif type(value) == "table" then -- { key, embed } each
      for _, pair in ipairs(value) do
        check(slot, type(pair) == "table" and pair[2] or nil)
      end
    else
      check(slot, value)
    end
  end
end

local function check_mount(mount, say)
  local id = asked(mount.embed)
  local definition = kernel.definition(id)
  if not definition then
    say(('the page "%s": there is no component "%s"%s'):format(mount.path, id,
      kernel.nearest(id, kernel.definitions())))
  elseif not (definition.body or definition.render or definition.start) then
    say(('the page "%s" is empty: "%s" has no render, and no start that calls '
      .. 'one that has'):format(mount.path, id))
  end
  if mount.path:find ":" and not mount.has_args then
    say(('the page "%s": nobody reads its parameter; give the mount an '
      .. 'args function'):format(mount.path))
  end
end

--- What looks wrong, a line each; and what there is, in one line.
---@param before table<string, boolean> the globals there were before the app
---@return string[] findings
---@return string summary
return function(before)
  local findings = {}
  local function say(text) findings[#findings + 1] = text end
  local app = host.outline()
  for _, name in ipairs(sorted(_G)) do
    if type(name) == "string" and not before[name] then
      say(('the global "%s" is set: did you mean a local?'):format(name))
    end
  end
  local definitions = kernel.definitions()
  for _, id in ipairs(sorted(definitions)) do
    check_children(id, definitions[id], say)
  end
  for _, mount in ipairs(app.mounts) do check_mount(mount, say) end
  if #app.mounts == 0 and app.routes == 0 and app.folders == 0 then
    say('nothing is to be seen: s.mount(path, component) makes a page')
  end
  local own = 0
  for id in pairs(definitions) do
    if not id:find "^ui/" then own = own + 1 end
  end
  return findings, ("%d pages, %d routes, %d folders, %d components and flows")
    :format(#app.mounts, app.routes, app.folders, own)
end
