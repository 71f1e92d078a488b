-- An app that is looked at all over: `require "spec.lua.drawn"(dir, name)` loads name.lua
-- of that folder, in a process of its own (`stube test`), and gives a list of what is to
-- be looked at, { claim, run }: each page that it mounts and each component that is in
-- none of them is drawn, and everything on it that has an event is clicked, on a page of
-- its own each time. Nothing may go wrong, which is what the log says; but for an error
-- that says itself that it is "On purpose".
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

--- Requires the app, and notes what it defines and mounts.
local function load_app(name)
  local made = { ids = {}, mounts = {} }
  local function noted(fn, list)
    return function(...)
      list[#list + 1] = table.pack(...)
      return fn(...)
    end
  end
  local real = { component = s.component, flow = s.flow, mount = s.mount }
  s.component = noted(real.component, made.ids)
  s.flow = noted(real.flow, made.ids)
  s.mount = noted(real.mount, made.mounts)
  local ok, e = pcall(require, name)
  for key, fn in pairs(real) do s[key] = fn end
  if not ok then error(e, 0) end
  drive.collect()
  return made
end

--- What a visit of a mounted path begins with; each :name of it is "7".
local function embed_of(path, embed, opts)
  local params = {}
  for name in path:gmatch ":([%w_]+)" do params[name] = "7" end
  local args = opts and opts.args and opts.args { method = "GET", path = path,
    params = params, query = {}, headers = {}, cookies = {}, ip = "127.0.0.1" }
  if not args then return embed end
  local id = type(embed) == "table" and embed.type or embed
  return s.embed(id, args)
end

--- All types of a conversation's instances, into `seen`.
local function note_types(node, seen)
  if type(node) ~= "table" then return end
  if node.type then seen[node.type] = true end
  for _, child in ipairs(node) do note_types(child, seen) end
  note_types(node.below, seen)
end

--- What `fn` gives; an error that it raises or leads to is raised, with `what` it did.
local function well(what, fn)
  local ok, result
  local log = drive.logged(function() ok, result = pcall(fn) end)
  for level, rest in ("\n" .. log):gmatch "\n%d[^ \n]+ (%l+) ([^\n]*)" do
    local is_wrong = level == "error" or level == "warn"
    if is_wrong and not rest:find "On purpose" then error(what .. ": " .. log, 0) end
  end
  if not ok then error(what .. ": " .. result, 0) end
  return result
end

--- Its HTML; what is there is noted in `seen`.
local function look(page, seen)
  if not drive.alive(page.cid) then return "" end
  note_types(s.conversation(page.cid):tree(), seen)
  return page:html()
end

--- Begins a page; what it asks of workers is done.
local function begin(embed)
  local page = visit(embed)
  assert(page.cid, "it ended at once")
  page:follow()
  drive.work()
  return page
end

--- The events that can be sent from a page, as its URLs say: { to, event, value }.
local function events(html)
  local list = {}
  for iid, event, query in html:gmatch "/conv/[^/]+/(ix%-%d+)/([^?']+)%?([^']*)" do
    local p = query:match "p=([^&]*)$"
    p = p and p:gsub("%%(%x%x)", function(h) return string.char(tonumber(h, 16)) end)
    list[#list + 1] = { to = iid, event = event, value = p and load("return " .. p)() }
  end
  return list
end

--- Draws it, and clicks what can be clicked, each on a page of its own.
local function look_all_over(embed, seen)
  local page, html
  well("it was drawn", function()
    page = begin(embed)
    html = look(page, seen)
  end)
  well("a minute passed", function()
    page:advance(60)
    drive.work()
    look(page, seen)
  end)
  for _, event in ipairs(events(html)) do
    well("the event " .. event.event, function()
      page = begin(embed)
      page:post { to = event.to, event = event.event, value = event.value }
      drive.work()
      page:advance(60)
      look(page, seen)
    end)
  end
end

return function(dir, name)
  package.path = dir .. "/?.lua;" .. package.path
  drive.workers { n = 1 }
  local made, seen, looks = load_app(name), {}, {}
  for _, mount in ipairs(made.mounts) do
    looks[#looks + 1] = { "draws " .. mount[1], function()
      look_all_over(embed_of(table.unpack(mount, 1, mount.n)), seen)
    end }
  end
  for i = #made.ids, 1, -1 do -- later ones have earlier ones in them
    local id = made.ids[i][1]
    looks[#looks + 1] = { "draws " .. id, function()
      if seen[id] then return end
      local ok, e = pcall(look_all_over, id, seen)
      if not ok then error(s.where(id) .. ": " .. e, 0) end
    end }
  end
  return looks
end
