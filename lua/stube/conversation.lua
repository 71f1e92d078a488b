--- Conversations as values: looked at, gone back in, forked, by whoever has the id.
---
--- A value holds the id alone, so it can be kept, compared and saved. Each method
--- looks at the conversation's last committed turn, and gives copies.

local check = require "stube.check"
local kernel = require "stube.kernel"

local M = {}

---@class stube.Conversation
---@field cid string
local Conversation = { __name = "stube.conversation" }
Conversation.__index = Conversation

function Conversation.__eq(a, b) return a.cid == b.cid end

function Conversation:__tostring() return "conversation " .. self.cid end

local function value(cid)
  return setmetatable({ cid = cid }, Conversation)
end

---@class stube.Point
---@field turn integer the turn that made this state
---@field time number when, in seconds since 1970
---@field event? string what the visitor did then; nil for the first
---@field now? true the present state
---@field undone? true it was gone back from

--- The states one can go to, oldest first; the present one is among them.
--- Raises when the conversation is gone.
---@return stube.Point[]
function Conversation:turns()
  local past, present, future = kernel.conversations.turns(self.cid)
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
function Conversation:back(turn)
  return kernel.conversations.back(self.cid, turn)
end

--- Begins a conversation with the state of this one, as it is or as it stood at a
--- turn: the same owner, its own id, history and event URLs. Timers and
--- subscriptions rest until somebody opens it. In a handler, a fork is there when
--- the turn is kept, and never was when it fails; forking its own conversation
--- gives what the turn began with. Raises when that turn is not kept, and when
--- the conversation is gone.
---@param turn? integer
---@return stube.Conversation
function Conversation:fork(turn)
  return value(kernel.conversations.fork(self.cid, turn))
end

--- A copy of an instance's `self`.
---@param iid? string "ix-3"; the frame that shows, without one
---@param turn? integer as it stood then; the present state, without one
---@return any state nil when there is no such instance
function Conversation:state(iid, turn)
  return kernel.conversations.state(self.cid, iid, turn)
end

---@class stube.Node
---@field iid string
---@field type string
---@field tasks integer how many of its tasks wait
---@field slot? string where it stands in the one above
---@field key? any
---@field below? stube.Node what it covers in its place
---@field [integer] stube.Node the instances in its slots

--- The frame that shows, with what it covers and what stands in its slots.
---@param turn? integer as it stood then; the present state, without one
---@return stube.Node
function Conversation:tree(turn)
  return kernel.conversations.tree(self.cid, turn)
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
