--- stube: the public names, and nothing else. `local s = require "stube"`.
---
--- Three ideas: `self` is your table; everything that happens is a named event;
--- what should happen is a call. See docs/api.md.

local atom = require "stube.atom"
local component = require "stube.component"
local conversation = require "stube.conversation"
local html = require "stube.html"
local kernel = require "stube.kernel"
local host = require "stube.host"
local markup = require "stube.markup"
local ui = require "stube.ui"

---@class stube
local s = {}

-- Components and flows (stube/component.lua)
s.component = component.component
s.flow = component.flow
s.embed = component.embed
s.lookup = component.lookup
s.help = component.help
s.where = component.where

-- Markup (src/html, stube/markup.lua)
s.raw = html.raw
s.each = html.each
s.slot = html.slot
s.link = markup.link
s.url = markup.url
s.null = host.null
s.list = html.list

-- Calling and waiting; effects as calls (src/kernel).
-- KEEP IN STEP: effects (src/kernel/effect.c, src/kernel/lib.c).
s.await = kernel.await
s.sleep = kernel.sleep
s.receive = kernel.receive
s.call = kernel.call
s.answer = kernel.answer
s.answer_error = kernel.answer_error
s.become = kernel.become
s.cancel = kernel.cancel
s.finish = kernel.finish
s.back = kernel.back
s.isolate = kernel.isolate
s.renew_session = kernel.renew_session
s.patch = kernel.patch
s.patch_signals = kernel.patch_signals
s.execute_script = kernel.execute_script
s.show = kernel.show
s.after = kernel.after
s.send = kernel.send
s.subscribe = kernel.subscribe
s.unsubscribe = kernel.unsubscribe
s.publish = kernel.publish
s.publish_local = kernel.publish_local
s.perform = kernel.perform

-- Conversations as values (stube/conversation.lua)
s.conversation = conversation.conversation
s.conversations = conversation.conversations

-- Seconds, for all that takes time
s.minute = 60
s.hour = 60 * s.minute
s.day = 24 * s.hour

-- Who and where
s.conversation_id = kernel.conversation_id
s.id = kernel.id
s.parent = kernel.parent
s.context = kernel.context
s.principal = kernel.principal

-- Stock dialogs (stube/ui.lua)
s.confirm = ui.confirm
s.prompt = ui.prompt
s.choose = ui.choose
s.info = ui.info

-- Values that all conversations share (stube/atom.lua, src/kernel/atom.c)
s.atom = atom

-- The app (src/host)
s.mount = host.mount
s.unmount = host.unmount
s.mounts = host.mounts
s.route = host.route
s.static = host.static
s.before = host.before
s.config = host.config
s.log = host.log

return s
