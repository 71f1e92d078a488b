--- Conversations as values: looked at, gone back in, forked, by whoever has the id.
---
--- A value holds the id alone, so it can be kept, compared and saved. Each method
--- looks at the conversation's last committed turn, and gives copies.

local check = require "stube.check"
local kernel = require "stube.kernel"

local M = {}

---@class stube.Conversation
---@field cid string
---@field replay? userdata of one that `s.replay` plays
local Conversation = { __name = "stube.conversation" }
Conversation.__index = Conversation

function Conversation.__eq(a, b) return a.cid == b.cid and a.replay == b.replay end

function Conversation:__tostring() return "conversation " .. self.cid end

local function value(cid, replay)
  return setmetatable({ cid = cid, replay = replay }, Conversation)
end

local function id(self, name, level)
  if type(self) == "table" and type(self.cid) == "string" then return self.cid end
  error(("%s: called on no conversation (is it c:%s(...)?)"):format(name, name), level + 1)
end

--- Asks the kernel, or the replay, about it; what that raises blames its caller's caller.
local function ask(self, name, ...)
  local cid, f = id(self, name, 3), kernel.conversations[name]
  if self.replay then
    return check.call(2, kernel.conversations.within, self.replay, f, cid, ...)
  end
  return check.call(2, f, cid, ...) -- a tail call: `ask` is no level
end

--- A method that does no more.
local function method(name)
  return function(self, ...)
    local result, why = ask(self, name, ...)
    return result, why
  end
end

---@class stube.Point
---@field turn integer the turn that made this state
---@field time number when, in seconds since 1970
---@field event? string what the visitor did then; nil for the first
---@field now? true the present state
---@field undone? true it was gone back from

--- The states one can go to, oldest first; the present one is among them, with `now`.
--- Those it was gone back from have `undone`. Raises when the conversation is gone.
---@return stube.Point[] points each { turn =, time =, event = }
function Conversation:turns()
  local past, present, future = ask(self, "turns")
  local all = {}
  for i = #past, 1, -1 do all[#all + 1] = past[i] end
  present.now = true
  all[#all + 1] = present
  for _, point in ipairs(future) do
    point.undone = true
    all[#all + 1] = point
  end
  return all
end

--- Goes one step back, or to what stood at a turn, which may lie ahead. Not from
--- inside a turn: there, `s.back` goes back in its own conversation. Raises when
--- the conversation is gone.
---@param turn? integer
---@return true? went true also when it will, once the turn under way is kept
---@return string? why not
Conversation.back = method "back"

--- Begins a conversation with the state of this one, as it is or as it stood at a
--- turn: the same owner, its own id, history and event URLs. Timers and
--- subscriptions rest until somebody opens it. In a handler, a fork is there when
--- the turn is kept, and never was when it fails; forking its own conversation
--- gives what the turn began with. It may do what this one may, and what the one
--- whose code forks may (see `s.spawn`). Raises when that turn is not kept, and when
--- the conversation is gone.
---@param turn? integer|"wreck"
---@return stube.Conversation
function Conversation:fork(turn)
  return value(ask(self, "fork", turn), self.replay)
end

--- A copy of an instance's `self`.
---@param iid? string "ix-3"; the frame that shows, without one
---@param turn? integer|"wreck" as it stood then; the present state, without one
---@return any state nil when there is no such instance
Conversation.state = method "state"

---@class stube.Node
---@field iid string
---@field type string
---@field tasks integer how many of its tasks wait
---@field slot? string where it stands in the one above
---@field key? any
---@field below? stube.Node what it covers in its place
---@field [integer] stube.Node the instances in its slots

--- The frame that shows, with what it covers and what stands in its slots:
--- `{ iid =, type =, tasks =, below =, slot =, key =, ... }`.
---@param turn? integer|"wreck" as it stood then; the present state, without one
---@return stube.Node
Conversation.tree = method "tree"

--- Its page, as somebody would see it who comes to it now: HTML. Drawing it leaves
--- nothing behind. Raises when it cannot be drawn.
---@param turn? integer|"wreck" as it stood then; the present state, without one
---@return string
Conversation.html = method "html"

--- What is known of it, but for its values: `cid`, `title`, `status` ("live",
--- "provisional", "stopped"), `why` it was stopped, `turn`, `minted` and `seen` (seconds
--- since 1970), `frames` (components, lowest first), how many `instances`, `tasks` that
--- wait, `letters` on their way, steps `back` and `forward`, `bytes`, `digest` (equal
--- when all that is saved of it is); `timers`, `subscriptions`; of one that may not do all,
--- what it `can` and who it is `limited_by`.
---@return table
Conversation.inspect = method "inspect"

--- What its newest turn that failed has left: `turn`, `time`, `event`, `component`,
--- `instance`, `where`, `error`, `traceback`. Its state can be looked at as the turn
--- "wreck": `c:state(nil, "wreck")`; `unkept` says why it cannot, if so. The process keeps
--- 32 of them.
---@return table? wreck nil when none has failed lately
Conversation.wreck = method "wreck"

--- Brings it an event, as a click would: "inc", `{ "toggle", 3 }`, or
--- `{ "save", value, signals = { draft = "x" }, form = {}, to = "ix-3" }`. Without `to` it
--- is for the frame that shows; `to` may be a slot of that. Signals are named as fields are
--- bound, those of the page with a `$`. It need not have been drawn. Not from inside a
--- turn.
--- ```lua
--- s.conversation(cid):send { "save", signals = { draft = "milk" } }
--- ```
---@param event string|table
---@return true? done true also when it will be, once the turn under way is kept
---@return string? why not: what its turn raised, or why it was refused
Conversation.send = method "send"

--- The same for who wants to know when it is kept: a table that has the number of its
--- `turn` at once (when it need not wait for another one), and `done` later, with `ok`, or
--- `why` not. The conversation is free again when `done` is there.
---@param event string|table
---@return { turn: integer?, done: boolean, ok: boolean?, why: string? }
Conversation.send_async = method "send_async"

--- Lets go of its past: only so many states can be returned to afterwards, and none that
--- it was gone back from. Not from inside a turn.
---@param turns? integer 0 without one
---@return true? done
---@return string? why not
Conversation.compact = method "compact"

--- Ends it: its `stop` hooks run, its pages are told. Not from inside a turn: there,
--- `s.finish` ends its own conversation.
---@return true? done
---@return string? why not
Conversation.finish = method "finish"

--- Stops it: the turn under way ends, then it takes no events (410), and nothing happens
--- by itself, until `c:resume()`; also through a restart. Its pages are told. It may be
--- said again. Not from inside a turn.
---@param opts? { why: string? } told to its visitor
---@return true
function Conversation:stop(opts)
  if opts ~= nil then
    check.type("stop: its options", opts, "table", 2)
    check.keys("stop", opts, { why = "string" }, 2)
  end
  return (ask(self, "stop", opts and opts.why))
end

--- Lets one that was stopped go on, and takes it into memory: whether that can be done
--- shows whether it can be read. Timers that are overdue go off once each. Not from inside
--- a turn.
---@return true? done
---@return string? why not
Conversation.resume = method "resume"

--- Takes it out of memory: whatever comes for it brings it back. Not from inside a turn.
---@return true? done
---@return string? why not: a page of it is open, it has something to do just now
Conversation.close = method "close"

--- What a turn of a replay asked for, as data, in order: `{ { "after", 1, "tick" }, ... }`;
--- what it waits for is among it, and what a flow returned, as its `answer`. Of the newest
--- turn, without a number; also once it has ended. Raises for a conversation that people
--- have.
---@param turn? integer
---@return table[] effects
Conversation.effects = method "effects"

--- Lets time pass in a replay: its timers go off, each at its time. Raises for a
--- conversation that people have.
---@param seconds number
function Conversation:advance(seconds)
  id(self, "advance", 2)
  if not self.replay then
    error("advance: the time of a conversation that people have cannot be moved "
      .. "(s.replay begins one whose can)", 2)
  end
  check.call(2, kernel.conversations.advance, self.replay, seconds)
end

local replay_options = { seed = "number", time = "number", context = "table|string|number|boolean",
  principal = "table|string|number|boolean" }

--- A conversation that nobody has: the same embed and events give the same, to the byte.
--- Chance comes from a seed, its clock stands still until `c:advance`, and what
--- reaches outside (messages to others, functions for workers, scripts) is recorded (see
--- `c:effects`) and goes nowhere; atoms are its own, and begin as code says. All methods
--- of conversations work on it. Raises when it, or one of the events, fails. Not from
--- inside a turn.
--- ```lua
--- local c = s.replay("demo/guess", { "start", { "guess", signals = { answer = "50" } } })
--- assert(c:state().tries == 1)
--- ```
---@param embed stube.Embed
---@param events? (string|table|fun(c: stube.Conversation): string|table)[] as for `c:send`
---@param opts? { seed: integer?, time: number?, context: any, principal: any } the clock
--- begins at `time`, in seconds since 1970: 2000-01-01 without one
---@return stube.Conversation
function M.replay(embed, events, opts)
  if events ~= nil then check.type("replay: its events", events, "table", 2) end
  if opts ~= nil then
    check.type("replay: its options", opts, "table", 2)
    check.keys("replay", opts, replay_options, 2)
  end
  local replay, cid = check.call(2, kernel.conversations.replay, embed, opts)
  local c = value(cid, replay)
  for i, event in ipairs(events or {}) do
    if type(event) == "function" then event = event(c) end
    local ok, why = check.call(2, c.send, c, event)
    if not ok then error(("replay: event %d: %s"):format(i, why), 2) end
  end
  return c
end

--- A conversation by its id, or by how that begins (8 characters at least). Raises
--- when several begin so.
---@param prefix string
---@return stube.Conversation? nil when there is none
function M.conversation(prefix)
  check.type("conversation: its id, or how that begins,", prefix, "string", 2)
  if #prefix < 8 then
    error("conversation: the id of a conversation, or how it begins (8 "
      .. "characters at least), is wanted", 2)
  end
  local cid = check.call(2, kernel.conversations.find, prefix)
  return cid and value(cid)
end

local any = "string|number|boolean|table"
local spawn_options = { can = "table", owner = "boolean|table", title = "string",
  context = any, principal = any }

--- Begins a conversation from code, which nobody need ever visit: its flow runs, and it
--- hears timers and messages. In a handler it is there when the turn is kept, and never
--- was when that fails, 50 a turn at most; then comes its first turn (`start`, a flow's
--- body). One whose first turn fails ends. Its page is `"/conv/" .. c.cid`, for `owner`: a
--- conversation whose visitor that is, or false for nobody. Without it that is the visitor
--- of the conversation that spawns; outside of conversations, nobody.
---
--- It may do what `can` lists, of "io" (`s.io`, `s.background`), "publish", "after"
--- (`s.after`, `s.sleep`, timeouts), "spawn" (and `c:fork`), "atom" (`update`, `set`) and
--- "script" (`s.execute_script`); without a list, what the one that spawns may. Raises on
--- what that may not itself. Context and principal are its own, unless given.
--- ```lua
--- local agent = s.spawn(Watcher { order = 7 }, { can = { "after", "publish" } })
--- { "li", s.link("/conv/" .. agent.cid, "Look") }
--- ```
---@param embed stube.Embed
---@param opts? { can: string[]?, owner: any, title: string?, context: any, principal: any }
---@return stube.Conversation
function M.spawn(embed, opts)
  opts = opts == nil and {} or opts
  check.type("spawn: its options", opts, "table", 2)
  check.keys("spawn", opts, spawn_options, 2)
  local owner = opts.owner
  if owner == true or owner and type(owner.cid) ~= "string" then
    error("spawn: owner must be a conversation, or false for nobody", 2)
  end
  local cid = check.call(2, kernel.conversations.spawn, embed, opts.can,
    owner and owner.cid or owner, opts.title, opts.context, opts.principal)
  return value(cid)
end

--- The saved conversations, oldest first, 1,000 at most.
---@param after? string|stube.Conversation only those behind this one
---@return stube.Conversation[]
function M.conversations(after)
  local from = type(after) == "table" and after.cid or after
  if from ~= nil then
    check.type("conversations: the id to go on from", from, "string", 2)
  end
  local list = check.call(2, kernel.conversations.list, from)
  for i, cid in ipairs(list) do list[i] = value(cid) end
  return list
end

return M
