-- What programs (program.lua) do, without stube: a model that keeps no state but the list
-- of what has happened, and plays it from the start whenever it is asked. So going back
-- is to shorten the list, and a fork is a copy of it.
local program = require "spec.lua.program"

-- --- playing ---

local World = {}
World.__index = World

--- An instance that can run programs: the root, or a row.
local function host(place, says)
  local self = { kind = "host", n = 0, tasks = {}, place = place, says = says }
  place[1] = self
  return self
end

local function world()
  local page = {}
  local self = { now = 0, serial = 0, page = page, rows = {}, order = {}, topics = {},
    waits = {}, hearing = {}, outbox = {}, slots = { a = {}, b = {} } }
  self.root = host(page, "root;")
  self.root.slots = self.slots
  return setmetatable(self, World)
end

--- The words that wait hand a request to `World:resume`, which knows the task.
local api = {}
function api.ask(_, label, place)
  local raises, value = coroutine.yield { "ask", label, place }
  if raises then error(value, 0) end
  return value
end
function api.call(w, list, place)
  local raises, value = coroutine.yield { "call", w.id, list, place }
  if raises then error(value, 0) end
  return value
end
function api.sleep(_, seconds) coroutine.yield { "sleep", seconds } end
function api.receive(_, topic, timeout)
  return (coroutine.yield { "receive", topic, timeout })
end
function api.publish(_, topic, text) coroutine.yield { "publish", topic, text } end
function api.wrap(f) return f end -- the scheduler is the only one that resumes here

local function remove(list, item)
  for i, one in ipairs(list) do
    if one == item then return table.remove(list, i) end
  end
end

--- The place of what `task` calls: a slot, or its instance's own.
local function place_of(task, slot)
  return slot and task.instance.slots[slot] or task.instance.place
end

local function push(task, instance, place)
  instance.place, instance.caller = place, task
  place[#place + 1] = instance
end

--- An instance answers: it goes, and its caller goes on.
function World:answer(instance, raises, value)
  remove(instance.place, instance)
  return self:resume(instance.caller, raises, value)
end

function World:wait(task, seconds)
  self.serial = self.serial + 1
  self.waits[#self.waits + 1] = { task = task, due = self.now + seconds,
    serial = self.serial }
end

--- What a task has said since it last waited is heard when it waits or ends, but not when
--- it fails.
function World:say(task, failed)
  if not failed then table.move(task.said, 1, #task.said, #self.outbox + 1, self.outbox) end
  task.said = {}
end

function World:resume(task, ...)
  local ok, request, failure = coroutine.resume(task.thread, ...)
  assert(ok, request)
  if request and request[1] == "publish" then
    task.said[#task.said + 1] = { topic = request[2], text = request[3] }
    return self:resume(task)
  end
  self:say(task, failure ~= nil)
  if coroutine.status(task.thread) == "dead" then
    task.instance.waiting = task.instance.waiting - 1
    -- A flow's last words: its answer, or its error.
    if task.is_flow then
      return self:answer(task.instance, failure ~= nil, failure or request)
    end
    self.died = self.died or task.dies
    return
  end
  local what, a, b, c = table.unpack(request, 1, 4)
  if what == "ask" then
    push(task, { kind = "ask", label = a }, place_of(task, b))
  elseif what == "call" then
    local flow = { kind = "flow" }
    push(task, flow, place_of(task, c))
    self:start({ instance = flow, is_flow = true }, function()
      local w = { log = {}, id = a }
      local fine, value = pcall(program.exec, api, w, b)
      if not fine then return nil, value end
      return { log = w.log, value = value }
    end)
  elseif what == "sleep" then
    self:wait(task, a)
  else
    local topic = self.topics[a] or { n = 0 }
    self.topics[a] = topic
    task.cursors[a] = task.cursors[a] or topic.n
    if task.cursors[a] < topic.n then
      task.cursors[a] = task.cursors[a] + 1
      return self:resume(task, topic[task.cursors[a]])
    end
    self.hearing[a] = task
    if b then self:wait(task, b) end
  end
end

--- It waits for no message any more.
function World:deaf(task)
  for topic, one in pairs(self.hearing) do
    if one == task then self.hearing[topic] = nil end
  end
end

function World:start(task, f)
  task.instance.waiting = (task.instance.waiting or 0) + 1
  task.thread, task.cursors, task.said = coroutine.create(f), {}, {}
  return self:resume(task)
end

--- The host of this key, or the root without one.
function World:host(key) return key and self.rows[key] or self.root end

-- --- what happens ---

local happens = {}

function happens.run(self, e)
  local at = self:host(e.host)
  local log = {}
  at.tasks[#at.tasks + 1] = { id = e.id, log = log }
  self:start({ instance = at, dies = e.dies }, function()
    program.main(api, { log = log, id = e.id }, e.list)
  end)
end

function happens.inc(self, e)
  local at = self:host(e.host)
  at.n = at.n + 1
end

function happens.rows(self, e)
  local rows = {}
  for _, key in ipairs(e.keys) do rows[key] = self.rows[key] or host({}, "row:" .. key .. ";") end
  for key, row in pairs(self.rows) do
    if not rows[key] then self:forget(self:below(row)) end
  end
  self.rows, self.order = rows, e.keys
end

--- The instance, and all that was called below it.
function World:below(one, gone)
  gone = gone or {}
  gone[one] = true
  for _, other in ipairs(self:all()) do
    if other.caller and other.caller.instance == one then self:below(other, gone) end
  end
  return gone
end

--- These instances are gone, and all that waits in them.
function World:forget(gone)
  for one in pairs(gone) do remove(one.place, one) end
  for topic, task in pairs(self.hearing) do
    if gone[task.instance] then self.hearing[topic] = nil end
  end
  for i = #self.waits, 1, -1 do
    if gone[self.waits[i].task.instance] then table.remove(self.waits, i) end
  end
end

function happens.answer(self, e)
  for _, one in ipairs(self:all()) do
    if one.label == e.label then return self:answer(one, e.raises, e.value) end
  end
  error("the model has no " .. e.label)
end

function happens.advance(self, e)
  local target = self.now + e.seconds
  while true do
    local first
    for _, wait in ipairs(self.waits) do
      if wait.due <= target and (not first or wait.due < first.due
          or wait.due == first.due and wait.serial < first.serial) then
        first = wait
      end
    end
    if not first then break end
    remove(self.waits, first)
    self.now = first.due
    self:deaf(first.task)
    self:resume(first.task, nil)
    self:deliver()
  end
  self.now = target
end

--- What this turn has published, a turn for each that hears it.
function World:deliver()
  while #self.outbox > 0 do self:hear(table.remove(self.outbox, 1)) end
end

function World:hear(e)
  local topic = self.topics[e.topic]
  if not topic then return end -- nobody has listened yet
  topic.n = topic.n + 1
  topic[topic.n] = e.text
  local task = self.hearing[e.topic]
  if not task then return end
  self:deaf(task)
  for i, wait in ipairs(self.waits) do
    if wait.task == task then
      table.remove(self.waits, i)
      break
    end
  end
  task.cursors[e.topic] = topic.n
  self:resume(task, e.text)
end

--- Something that leaves no trace in its state.
function happens.look() end

--- Somebody else says something.
function happens.publish(self, e) self:hear(e) end

--- The root ends what it has called to a place, newest first, and the code that waits.
function happens.cancel(self, e)
  local place = e.slot and self.slots[e.slot] or self.page
  for i = #place, 1, -1 do
    local one = place[i]
    local task = one and one.caller
    if task and task.instance == self.root then
      self:forget(self:below(one))
      self.root.waiting = self.root.waiting - 1
      assert(coroutine.close(task.thread))
    end
  end
end

-- --- what is seen ---

--- All instances.
function World:all()
  local all = {}
  local function walk(place)
    for _, one in ipairs(place) do all[#all + 1] = one end
  end
  walk(self.page)
  walk(self.slots.a)
  walk(self.slots.b)
  for _, key in ipairs(self.order) do walk(self.rows[key].place) end
  return all
end

local function show(place)
  local top = place[#place]
  if not top then return "" end
  if top.kind == "ask" then return "ask:" .. top.label .. ";" end
  if top.kind == "flow" then return "flow;" end
  local logs = {}
  for i, task in ipairs(top.tasks) do
    logs[i] = ("%s(%s);"):format(task.id, table.concat(task.log, ","))
  end
  return ("%sn%d;%s"):format(top.says, top.n, table.concat(logs))
end

--- The page's text, without spaces, while the atom has this value.
function World:text(value)
  local top = self.page[#self.page]
  if top ~= self.root then return show(self.page) end
  local out = { show { self.root }, "v:", tostring(value or 0), ";a:", show(self.slots.a), "b:",
    show(self.slots.b) }
  for _, key in ipairs(self.order) do
    out[#out + 1] = show(self.rows[key].place)
  end
  return table.concat(out)
end

-- --- the list of what has happened ---

local Model = {}
Model.__index = Model

local function copy(list) return table.move(list, 1, #list, 1, {}) end

local function new(history)
  return setmetatable({ history = history or {}, points = {}, undone = {} }, Model)
end

function Model:play()
  local w = world()
  for _, e in ipairs(self.history) do
    happens[e.op](w, e)
    w:deliver()
  end
  return w
end

--- Something happens; `by_visitor`: it can be gone back from.
function Model:happen(e, by_visitor)
  if by_visitor then self.points[#self.points + 1] = #self.history end
  self.history[#self.history + 1] = e
  self.undone = {}
end

--- To the state before the visitor's last turn; false if there is none.
function Model:back()
  if #self.points == 0 then return false end
  self.undone[#self.undone + 1] = { copy(self.history), copy(self.points) }
  local point = table.remove(self.points)
  for i = #self.history, point + 1, -1 do self.history[i] = nil end
  return true
end

--- To what was gone back from last, if nothing has happened since.
function Model:redo()
  local last = table.remove(self.undone)
  if last then self.history, self.points = last[1], last[2] end
  return last ~= nil
end

function Model:fork() return new(copy(self.history)) end

return new
