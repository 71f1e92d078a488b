-- A model of the browser's page: what fragments make of it, as Datastar's protocol
-- has it. A patch that finds no element fails, as do two elements of one id.
local Page = {}
Page.__index = Page

local void = { area = 1, base = 1, br = 1, col = 1, embed = 1, hr = 1, img = 1,
  input = 1, link = 1, meta = 1, source = 1, track = 1, wbr = 1 }

--- The nodes of well-formed HTML: strings, and { tag =, attributes =, ... }.
local function parse(html)
  local root = { tag = "" }
  local open, at = { root }, 1
  while at <= #html do
    local node = open[#open]
    local from, to, slash, tag, attributes = html:find("^<(/?)([%w-]+)([^>]*)>", at)
    if not from then
      to = (html:find("<", at, true) or #html + 1) - 1
      node[#node + 1] = html:sub(at, to)
    elseif slash == "/" then
      assert(table.remove(open).tag == tag, "unbalanced: " .. html)
    else
      local child = { tag = tag, attributes = attributes,
        id = attributes:match(' id="([^"]*)"') }
      node[#node + 1] = child
      if not void[tag] then open[#open + 1] = child end
    end
    at = to + 1
  end
  assert(#open == 1, "unbalanced: " .. html)
  return root
end

local function write(node, out)
  if type(node) == "string" then
    out[#out + 1] = node
    return
  end
  if node.tag ~= "" then
    out[#out + 1] = ("<%s%s>"):format(node.tag, node.attributes)
  end
  for _, child in ipairs(node) do write(child, out) end
  if node.tag ~= "" and not void[node.tag] then
    out[#out + 1] = ("</%s>"):format(node.tag)
  end
end

--- Calls f(node, parent, index) for every element, in document order.
local function walk(parent, f)
  for i, node in ipairs(parent) do
    if type(node) == "table" then
      f(node, parent, i)
      walk(node, f)
    end
  end
end

local function sibling(parent, index, step)
  local i = index + step
  while type(parent[i]) == "string" do i = i + step end
  return parent[i]
end

--- The selectors that the kernel writes, and no others.
local function matcher(selector)
  local id, rest = selector:match("^#([%w_-]+)(.*)$")
  if not id then return nil end
  if rest == "" then
    return function(node) return node.id == id end
  end
  local left, again = rest:match("^:not%(#([%w_-]+) %+ #([%w_-]+)%)$")
  if left then
    assert(again == id)
    return function(node, parent, i)
      local before = sibling(parent, i, -1)
      return node.id == id and not (before and before.id == left)
    end
  end
  local right = rest:match("^:not%(:has%(%+ #([%w_-]+)%)%)$")
  assert(right, "an unknown selector: " .. selector)
  return function(node, parent, i)
    local after = sibling(parent, i, 1)
    return node.id == id and not (after and after.id == right)
  end
end

function Page:find(selector)
  local found = {}
  for one in selector:gmatch("[^,]+") do
    local matches = assert(matcher(one), one)
    walk(self.root, function(node, parent, i)
      if matches(node, parent, i) then
        found[#found + 1] = { node = node, parent = parent }
      end
    end)
  end
  return found
end

local function index_of(parent, node)
  for i, other in ipairs(parent) do
    if other == node then return i end
  end
end

local function remove(place)
  table.remove(place.parent, index_of(place.parent, place.node))
end

local function insert(parent, at, nodes)
  for i, node in ipairs(nodes) do table.insert(parent, at + i - 1, node) end
end

--- An element that is inserted while another has its id takes that one's place on
--- the page: our client moves it. Others insert a second one.
function Page:take_out(nodes)
  for _, node in ipairs(nodes) do
    for _, place in ipairs(node.id and self:find("#" .. node.id) or {}) do
      remove(place)
    end
  end
end

local modes = {
  inner = function(place, nodes)
    for i = #place.node, 1, -1 do place.node[i] = nil end
    insert(place.node, 1, nodes)
  end,
  outer = function(place, nodes)
    local at = index_of(place.parent, place.node)
    table.remove(place.parent, at)
    insert(place.parent, at, nodes)
  end,
  append = function(place, nodes) insert(place.node, #place.node + 1, nodes) end,
  prepend = function(place, nodes) insert(place.node, 1, nodes) end,
  before = function(place, nodes)
    insert(place.parent, index_of(place.parent, place.node), nodes)
  end,
  after = function(place, nodes)
    insert(place.parent, index_of(place.parent, place.node) + 1, nodes)
  end,
  remove = remove,
}
modes.replace = modes.outer

local inserts = { append = 1, prepend = 1, before = 1, after = 1, replace = 1 }

function Page:patch(fragment)
  local nodes = parse(fragment.body)
  if fragment.selector == "" then
    for _, node in ipairs(nodes) do
      local found = self:find("#" .. node.id)
      assert(#found == 1, "no element " .. node.id)
      modes[fragment.mode](found[1], { node })
    end
    return
  end
  if self.moves and inserts[fragment.mode] then self:take_out(nodes) end
  local found = self:find(fragment.selector)
  local may_miss = fragment.selector:find(":not", 1, true)
  assert(#found > 0 or may_miss, "no element " .. fragment.selector)
  assert(#found == 1 or fragment.mode == "remove", fragment.selector)
  for _, place in ipairs(found) do modes[fragment.mode](place, nodes) end
end

--- Applies what a turn released.
function Page:apply(fragments)
  for _, fragment in ipairs(fragments) do
    if fragment.kind == "elements" then self:patch(fragment) end
  end
  local seen = {}
  walk(self.root, function(node)
    if node.id then
      assert(not seen[node.id], "two elements " .. node.id)
      seen[node.id] = true
    end
  end)
end

--- What stands in the page, to be compared with a whole drawing.
function Page:html()
  local out = {}
  for _, node in ipairs(self:find("#root")[1].node) do write(node, out) end
  return table.concat(out)
end

local dom = {}

--- The same bytes as `html()` would give for this HTML.
function dom.normal(html)
  local out = {}
  write(parse(html), out)
  return table.concat(out)
end

--- A page that was painted with `html`. `moves`: as our client inserts.
function dom.page(html, moves)
  local root = parse('<div id="root">' .. html .. "</div>")
  return setmetatable({ root = root, moves = moves }, Page)
end

return dom
