-- Random programs (program.lua) run by many tasks at once, answered in any order, slept
-- on, gone back in, forked, thrown out of memory and killed, beside a model that knows
-- nothing of all that (program_model.lua): after each step the page says what the model
-- says, the patches have made of the browser's page what a whole drawing gives, and no
-- instance or task is left over. At the end what was done is played twice with nobody
-- there (s.replay): to the same bytes, and to what the page says. A failure prints `SEED=n`,
-- and `SEED=n make check` repeats it alone; `CASES=n` runs more.
local dom = require "spec.lua.dom"
local drive = require "stube.drive"
local new_model = require "spec.lua.program_model"
local program = require "spec.lua.program"
local s = require "stube"
local visit = require "spec.lua.visit"

local STEPS, WORLDS_MAX = 20, 3
local cases = tonumber(os.getenv "CASES") or (drive.is_hard and 500 or 2000)
local first = tonumber(os.getenv "SEED")

local function chance(n) return math.random(n) == 1 end
local function pick(list) return list[math.random(#list)] end

-- --- the app ---

local Ask = s.component("spec/program-ask", {
  render = function(self) return { "p", "ask:", self.label, ";" } end,
  on = {
    answer = function(_, value) s.answer(value) end,
    fail = function(_, value) s.answer_error { text = value } end,
  },
})

local api = { wrap = coroutine.wrap }
function api.ask(_, label, place) return s.await(Ask { label = label }, { slot = place }) end
function api.sleep(_, seconds) s.sleep(seconds) end
function api.publish(_, topic, text) s.publish(topic, text) end
function api.receive(_, topic, timeout) return (s.receive(topic, timeout)) end

local Flow = s.flow("spec/program-flow", function(args)
  s.show { "p", "flow;" }
  local w = { log = {}, id = args.id }
  local value = program.exec(api, w, args.list)
  return { log = w.log, value = value }
end)

function api.call(w, list, place)
  return s.await(Flow { id = w.id, list = list }, { slot = place })
end

-- Shared by all of them, and never undone but by a failed turn.
local atom = s.atom("spec/program", 0)

local function logs(self)
  return { "b", "n", self.n, ";", s.each(self.tasks, function(task)
    return { "i", task.id, "(", table.concat(task.log, ","), ");" }
  end) }
end

local host = {
  run = function(self, e)
    local log = {}
    table.insert(self.tasks, { id = e.id, log = log })
    program.main(api, { log = log, id = e.id }, e.list)
    if e.dies then error "meant" end
  end,
  inc = function(self) self.n = self.n + 1 end,
  -- All of it is undone.
  fail = function(self)
    self.n = -1
    table.insert(self.tasks, { id = "never", log = {} })
    s.after(0.5, "inc")
    s.publish("spec/program", "never")
    atom:set "never"
    s.call(Ask { label = "never" })
    error "meant"
  end,
}

local Row = s.component("spec/program-row", {
  init = function(args) return { key = args.key, n = 0, tasks = {} } end,
  render = function(self) return { "li", "row:", self.key, ";", logs(self) } end,
  on = host,
})

local Root = s.component("spec/program-root", {
  init = { n = 0, tasks = {}, keys = {} },
  children = function(self)
    local rows = {}
    for i, key in ipairs(self.keys) do rows[i] = { key, Row { key = key } } end
    return { rows = rows }
  end,
  render = function(self)
    return { "main", "root;", logs(self), "v:", atom:get(), ";", "a:", s.slot("a", { "div" }), "b:",
      s.slot("b", { "div" }), s.slot("rows", { "ul" }) }
  end,
  on = {
    rows = function(self, keys) self.keys = keys end,
    cancel = function(_, slot) s.cancel(slot) end,
    set = function(_, value) atom:set(value) end,
    inc = host.inc, run = host.run, fail = host.fail,
  },
})

local Mouth = s.component("spec/program-mouth", {
  render = function() return { "p" } end,
  on = { say = function(_, e) s.publish(e.topic, e.text) end },
})
drive.collect()

-- --- one of the conversations, and its model ---

local World = {}
World.__index = World

local by_cid = {}

local function world(page, model)
  local self = setmetatable({ page = page, model = model, done = {},
    c = s.conversation(page.cid) }, World)
  self:shows(page.first)
  by_cid[page.cid] = self
  return self
end

--- What was sent to pages, to each what is its own.
local function apply(sent)
  local own = {}
  for _, fragment in ipairs(sent) do
    local list = own[fragment.cid] or {}
    own[fragment.cid] = list
    if fragment.kind ~= "address" then list[#list + 1] = fragment end
  end
  for cid, list in pairs(own) do
    for _, one in ipairs(by_cid[cid] and by_cid[cid].doms or {}) do one:apply(list) end
  end
end

--- A browser has this page, and another one, whose Datastar is the stock one.
function World:shows(html)
  self.doms = { dom.page(html, true), dom.page(html, false) }
end

--- Calls f(node) for each instance.
local function walk(node, f)
  while node do
    f(node)
    for _, child in ipairs(node) do walk(child, f) end
    node = node.below
  end
end

--- All instances, as a list of { iid =, type =, state = }.
function World:instances()
  local all, tasks = {}, 0
  walk(self.c:tree(), function(node)
    all[#all + 1] = { iid = node.iid, type = node.type, key = node.key,
      state = self.c:state(node.iid) }
    tasks = tasks + node.tasks
  end)
  return all, tasks
end

--- The instance of this type in whose state `field` is `value`.
function World:find(kind, field, value)
  for _, one in ipairs((self:instances())) do
    if one.type == kind and one.state[field] == value then return one.iid end
  end
end

function World:open()
  if self.rests then self:shows(self.page:follow():html()) end
  self.rests = false
end

--- What happens to it, to be played again.
function World:note(what) self.done[#self.done + 1] = what end

--- Posts an event that is accepted, or, if `fails`, undoes all that it did.
function World:post(event, fails)
  self:note(event)
  local result, sent = self.page:post(event)
  assert(result == (fails and "ERR_APP" or "OK"), result)
  if fails then
    apply(sent)
    local banner = sent[1].body:match '^<div id="(ix%-%d+)"[^>]*role="alert"'
    return self:post { to = banner, event = "-" } -- "Try again"
  end
  self:settle(sent)
end

--- The visitor does something: to the model, and to the page.
function World:visitor(e, event)
  local tried = self.model:fork()
  tried:happen(e)
  local fails = tried:play().died
  if not fails then self.model:happen(e, true) end
  self:post(event, fails)
end

--- What comes of it without a visitor, until nothing does.
function World:settle(sent)
  apply(sent)
  apply(self.page:advance(0))
end

local function text_of(html)
  return (html:gsub("<[^>]*>", ""):gsub("%s+", ""):gsub("&gt;", ">"))
end

function World:text()
  drive.take()
  local html = self.page:html()
  apply(drive.take()) -- one that has slept learns of the atom before it is drawn
  return text_of(html)
end

function World:check(with)
  local w = self.model:play()
  local is, should = self:text(), w:text(with.value)
  if is ~= should:gsub("%s+", "") then
    error(("the page says\n%s\nthe model\n%s"):format(is, should), 0)
  end
  local whole = dom.normal(self.page:html())
  for _, one in ipairs(self.doms) do
    local drawn = one:html()
    if drawn ~= whole and not self.rests then -- else nobody has the page
      error(("patched\n%s\nwhole\n%s"):format(drawn, whole), 0)
    end
  end
  local all, tasks = self:instances()
  local wanted, waiting = w:all(), 0
  for _, one in ipairs(wanted) do waiting = waiting + (one.waiting or 0) end
  assert(#all == #wanted, ("%d instances, not %d"):format(#all, #wanted))
  assert(tasks == waiting, ("%d tasks, not %d"):format(tasks, waiting))
end

-- --- what can happen ---

local act = {}

--- A host that lives: nil for the root, or a row's key; and its instance.
function World:host(w)
  local key = #w.order > 0 and chance(2) and pick(w.order) or nil
  if not key then return nil, "ix-1" end
  return key, assert(self:find("spec/program-row", "key", key), "no row " .. key)
end

function act.run(self, with)
  local w = self.model:play()
  local key, iid = self:host(w)
  if (w:host(key).waiting or 0) >= 8 then return end
  with.serial = with.serial + 1
  local e = { op = "run", host = key, id = "t" .. with.serial, dies = chance(5) }
  with.is_timed = not e.dies
  e.list = program.random(key and {} or { "a", "b" }, with)
  self:visitor(e, { to = iid, event = "run",
    value = { id = e.id, list = e.list, dies = e.dies } })
end

function act.answer(self)
  local asks = {}
  for _, one in ipairs(self.model:play():all()) do
    if one.kind == "ask" then asks[#asks + 1] = one.label end
  end
  if #asks == 0 then return end
  local label, value = pick(asks), pick { 1, "yes", false } or nil
  local iid = assert(self:find("spec/program-ask", "label", label), "no " .. label)
  if chance(4) then
    self:visitor({ op = "answer", label = label, raises = true, value = { text = "bad" } },
      { to = iid, event = "fail", value = "bad" })
  else
    self:visitor({ op = "answer", label = label, value = value },
      { to = iid, event = "answer", value = value })
  end
end

function act.inc(self)
  local key, iid = self:host(self.model:play())
  self:visitor({ op = "inc", host = key }, { to = iid, event = "inc" })
end

function act.rows(self, with)
  local keys = {}
  for _, key in ipairs(self.model:play().order) do
    if not chance(4) then table.insert(keys, math.random(#keys + 1), key) end
  end
  with.serial = with.serial + 1
  table.insert(keys, math.random(#keys + 1), "k" .. with.serial)
  self:visitor({ op = "rows", keys = keys }, { to = "ix-1", event = "rows", value = keys })
end

function act.cancel(self)
  local slot = pick { "a", "b", false } or nil
  local place = slot and self.model:play().slots[slot] or self.model:play().page
  if #place > (slot and 0 or 1) then
    self:visitor({ op = "cancel", slot = slot },
      { to = "ix-1", event = "cancel", value = slot })
  end
end

--- The atom, which everybody shows.
function act.set(self, with, worlds)
  with.value = (with.value or 0) + 1
  self:visitor({ op = "look" }, { to = "ix-1", event = "set", value = with.value })
  for _, one in ipairs(worlds) do
    if one ~= self then one.is_told = true end
    one:settle {}
  end
end

function act.fail(self) self:post({ to = "ix-1", event = "fail" }, true) end

local mouth

--- Out of Lua's memory, and back from the store.
function act.sleep()
  drive.hot(0)
  mouth:html() -- whoever wakes now, others make room
  drive.hot()
end

function act.kill() drive.restart() end

function World:go(turn, can)
  self:note { back = turn }
  local result, sent = self.page:post { back = turn }
  assert(result == (can and "OK" or "ERR_CONFLICT"), result)
  self:settle(sent)
end

function act.back(self, with)
  if not with.has_topics then self:go(true, self.model:back()) end
end

function act.redo(self)
  if not self.model:redo() then return end
  for _, point in ipairs(self.c:turns()) do
    if point.undone then return self:go(point.turn, true) end
  end
  error "nothing can be redone"
end

--- Another conversation, that goes on from here on its own: at once, or when somebody
--- comes to it.
function act.fork(self, with, worlds)
  if with.has_topics or #worlds >= WORLDS_MAX then return end
  local page = setmetatable({ cid = self.c:fork().cid, pages = 0 },
    getmetatable(self.page))
  while drive.poll() > 0 do end
  page.first = page:html()
  local one = world(page, self.model:fork())
  one.rests = true
  if chance(2) then one:open() end
  worlds[#worlds + 1] = one
end

local everywhere = {}

function everywhere.advance(worlds)
  local seconds = pick { 0.05, 0.5, 3 }
  drive.take()
  drive.advance(seconds)
  local sent = drive.take()
  for _, one in ipairs(worlds) do
    if not one.rests then
      one.model:happen { op = "advance", seconds = seconds }
      one:note { seconds = seconds }
    end
  end
  apply(sent)
end

function everywhere.publish(worlds, with)
  if with.serial == 0 then return end
  with.words = (with.words or 0) + 1
  local topic = "t" .. math.random(with.serial) .. pick { "news", "olds" }
  local text = "w" .. with.words
  mouth:post { event = "say", value = { topic = topic, text = text } }
  for _, one in ipairs(worlds) do
    one.model:happen { op = "publish", topic = topic, text = text }
    one.is_told = true
    one:settle {}
  end
end

-- --- once more, with nobody there ---

local function undone(c)
  for _, point in ipairs(c:turns()) do
    if point.undone then return point.turn end
  end
end

--- Plays what was done to a conversation since it began. Turns have other numbers there.
local function replayed(done)
  local c = s.replay(Root)
  for _, e in ipairs(done) do
    if e.seconds then
      c:advance(e.seconds)
    elseif e.back then
      c:back(e.back ~= true and undone(c) or nil)
    else
      c:send { e.event, e.value, to = e.to }
    end
  end
  return c
end

function World:replay()
  local c, again = replayed(self.done), replayed(self.done)
  local one, other = c:inspect().digest, again:inspect().digest
  assert(one == other, "played twice, it is not the same")
  if self.is_told then return end -- by others, who are not there
  local is, should = text_of(c:html()), self:text()
  if is ~= should then error(("played again it says\n%s\nnot\n%s"):format(is, should), 0) end
end

local common = { "run", "run", "answer", "answer", "answer", "answer", "inc", "rows", "cancel",
  "fail", "sleep", "kill", "back", "back", "redo", "redo", "fork", "set" }

local function play(seed)
  math.randomseed(seed)
  by_cid = {}
  drive.restart(false)
  drive.advance(0)
  mouth = visit(Mouth):follow()
  local with = { n = 0, serial = 0, has_topics = chance(2) }
  local page = visit(Root):follow()
  local worlds = { world(page, new_model()) }
  for step = 1, STEPS do
    local what = pick(common)
    local ok, problem = pcall(function()
      if chance(4) then
        what = pick { "advance", "advance", "publish" }
        everywhere[what](worlds, with)
      else
        local one = pick(worlds)
        if one.rests and chance(2) then one = worlds[1] end -- let it rest
        one:open()
        act[what](one, with, worlds)
      end
      for _, one in ipairs(worlds) do one:check(with) end
    end)
    if not ok then error(("step %d, %s: %s"):format(step, what, problem), 0) end
  end
  worlds[1]:replay()
end

describe("any program", function()
  it("goes on as if nothing had happened to it (3.i, 20.6)", function()
    drive.log(false)
    finally(function()
      drive.log(true)
      drive.restart(false)
    end)
    for seed = first or 1, first or cases do
      local ok, problem = pcall(play, seed)
      if not ok then error(("SEED=%d: %s"):format(seed, problem), 0) end
    end
  end)
end)
