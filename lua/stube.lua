--- stube: the public names, and nothing else. `local s = require "stube"`.
---
--- Three ideas: `self` is your table; everything that happens is a named event;
--- what should happen is a call. `s.help "await"` and docs/api.md are made from the
--- comments here, and from those of what is written in Lua where that stands.

local atom = require "stube.atom"
local component = require "stube.component"
local conversation = require "stube.conversation"
local help = require "stube.help"
local html = require "stube.html"
local kernel = require "stube.kernel"
local host = require "stube.host"
local markup = require "stube.markup"
local ui = require "stube.ui"

---@alias stube.Embed string|table a component's id, a component, or what it gives when called
---@alias stube.Markup string|number|table|nil

---@class stube
local s = {}

-- Components and flows (stube/component.lua)
s.component = component.component
s.flow = component.flow
s.embed = component.embed
s.lookup = component.lookup
s.help = help.help
s.where = component.where

-- Markup (src/html, stube/markup.lua)

--- HTML that is trusted: it is drawn as it stands.
--- ```lua
--- { "div", s.raw(markdown(self.text)) }
--- ```
---@param html string
---@return stube.Markup
s.raw = html.raw

--- A list of children: what `fn` gives for each item, `nil` and `false` left out.
--- ```lua
--- { "ul", s.each(self.items, function(item) return { "li", key = item.id, item.text } end) }
--- ```
---@param list table
---@param fn fun(item: any, i: integer): stube.Markup
---@return stube.Markup
s.each = html.each

--- What stands in a slot, or nothing. An element around it may be given, which is there
--- also while the slot is empty. Once in a drawing.
--- ```lua
--- s.slot("rows", { "tbody" })
--- ```
---@param name string
---@param element? stube.Markup
---@return stube.Markup
s.slot = html.slot
s.link = markup.link
s.url = markup.url

--- The signal of a bound field, or of the page (`"$zoom"`), as an expression names it.
--- In `render`, handlers, hooks and flows.
--- ```lua
--- { "output", data_text = s.ref "draft" }
--- ```
---@param field string
---@return string signal "$ix3.draft"
s.ref = kernel.ref

--- The signed URL that posts an event, for attributes that one writes by hand. In
--- `render`, handlers, hooks and flows. Raises when the instance has no such event.
---@param event string|table "name", or `{ "name", value, to = }` as in markup
---@return string
s.event_url = kernel.event_url

--- JSON's null, where nil would leave the value out: in lists, and in
--- `s.patch_signals`, where it removes a signal.
s.null = host.null

--- A list for JSON that is one also while it is empty.
---@param t? table
---@return table t
s.list = html.list

-- Calling and waiting; effects as calls (src/kernel)
-- KEEP IN STEP: effects (src/kernel/effect.c, src/kernel/lib.c).

--- Shows another instance in this one's place, and waits for its answer. In flows,
--- handlers, `start`, `update` and `wakeup`, at any depth of calls; elsewhere it raises
--- and says where. Other events run meanwhile, on the same `self`: read it afterwards.
--- Raises what was answered with `s.answer_error`.
--- ```lua
--- local name = s.await(s.prompt "Your name?")
--- local text, why = s.await(Editor { text = "milk" }, { slot = "editor", timeout = s.hour })
--- ```
---@param embed stube.Embed
---@param opts? { slot: string?, timeout: number? } a slot of this instance; seconds
---@return any answer nil when it was cancelled
---@return string? why "timeout"
s.await = kernel.await

--- Waits; goes on at the next line also when the process was restarted meanwhile.
---@param seconds number 0.01 at least
s.sleep = kernel.sleep

--- Waits for the next message of a topic. From the first call on, the function hears
--- all of them, also those that come between two calls.
---@param topic string
---@param timeout? number seconds
---@return any message
---@return string? why "timeout"; "gap" when some were missed
s.receive = kernel.receive

--- Runs `fn(...)` in a worker thread, waits, and gives what it returns or raises. Both
--- ways go copies; `self` is refused. With `{ timeout = seconds }` in front it gives nil
--- and "timeout" when that is over. At least once through crashes: the function may run
--- again after one, with the same `s.io_id()`.
--- ```lua
--- local rate = s.io({ timeout = 5 }, fetch_rate, "EUR")
--- ```
---@type fun(...): ...
s.io = kernel.io

--- In a function that `s.io` or `s.background` runs: the id of that call, the same each
--- time it runs. Elsewhere nil.
---@type fun(): string?
s.io_id = kernel.io_id

--- Runs `fn(...)` in a worker thread once the turn is kept, at most once, and forgets
--- what it returns.
---@type fun(fn: function, ...)
s.background = kernel.background

--- Shows another instance in this one's place, without waiting: its answer arrives as
--- `event`, an error as `event_error`.
---@param embed stube.Embed
---@param event? string none: nobody wants to know
---@param opts? { slot: string? } a slot of this instance, which needs no declaring
s.call = kernel.call

--- Gives the caller a value, and goes. A declared child stays: its parent gets the
--- event named after the slot. The root's answer ends the conversation. No value means
--- cancelled.
---@param value any
s.answer = kernel.answer

--- The same with an error: raised in who awaits, an event `<event>_error` for who called.
--- When nobody takes it the turn fails.
---@param err any
s.answer_error = kernel.answer_error

--- Another instance takes this one's place and caller.
---@param embed stube.Embed
s.become = kernel.become

--- Ends what this instance has called to its own place, or to a slot. The code that
--- waited goes no further; its `<close>` variables are closed.
---@param slot? string
s.cancel = kernel.cancel

--- Ends the conversation: all `stop` hooks run, and the page is told.
---@param value? any
s.finish = kernel.finish

--- Goes back to what stood before the turn that led here, or at a turn (which may lie
--- ahead, when one has gone back). It ends the turn. Raises when that is not kept.
---@param turn? integer
s.back = kernel.back

--- Nothing before this turn can be returned to, as after a payment.
s.isolate = kernel.isolate

--- Gives the visitor another cookie, as at a login: the one before is worth nothing once
--- the new one has been shown.
s.renew_session = kernel.renew_session

--- Sends markup beside what is drawn anyway. Without a selector it replaces the element
--- of its own id. The mode is one of outer (without one), inner, replace, prepend,
--- append, before, after, remove.
---@param markup stube.Markup
---@param opts? { selector: string?, mode: string? }
s.patch = kernel.patch

--- Sets signals of the page; `s.null` removes one.
---@param signals table plain values
s.patch_signals = kernel.patch_signals

--- Runs JavaScript in the page. The last resort: what it is made of must be trusted.
---@param js string
s.execute_script = kernel.execute_script

--- The address that the browser shows, from now on: "push" makes an entry of its own,
--- which Back leaves, "replace" changes the one that is shown. It has its way over `url`
--- until that says something new.
--- ```lua
--- s.history("push", s.url("/shop", { page = 2 }))
--- ```
---@param how "push"|"replace"
---@param url string a path of this app, as `s.url` gives it
s.history = kernel.history

--- Brings the first element that a selector finds into view, once all is drawn.
---@param selector string
s.scroll_to = kernel.scroll_to

--- Gives it the focus, once all is drawn; also what Tab passes over, as a heading.
---@param selector string
s.focus = kernel.focus

--- What a flow without a `render` is while it waits for time or a message.
---@param markup stube.Markup
s.show = kernel.show

--- Brings an event to this instance later, once, through restarts. Asked again for the
--- same event, it replaces what was pending.
---@param seconds number
---@param event string
---@param value? any
---@param opts? { volatile: boolean? } volatile: its turns may be saved late, and lost
s.after = kernel.after

--- An event for another instance of this conversation, in a turn of its own; `ev.from`
--- says from whom.
---@param target string "parent", a slot's name or an instance's id
---@param event string
---@param value? any plain values
s.send = kernel.send

--- From now on each message of the topic is that event, with the message as its value
--- and `ev.topic`. Ends with the instance.
---@param topic string
---@param event string
s.subscribe = kernel.subscribe

--- Ends this instance's subscription to a topic, or all of them.
---@param topic? string
s.unsubscribe = kernel.unsubscribe

--- A message for every conversation that subscribes, this one included: each hears it
--- once, in order, asleep or not.
---@param topic string
---@param message any plain values, 16 KiB of them
s.publish = kernel.publish

--- The same for this conversation's subscribers alone.
---@param topic string
---@param message any
s.publish_local = kernel.publish_local

--- Does one effect as data: its function's name and arguments.
--- ```lua
--- s.perform { "after", 1, "tick" }
--- ```
---@param effect table
s.perform = kernel.perform

-- Conversations as values (stube/conversation.lua)
s.conversation = conversation.conversation
s.conversations = conversation.conversations
s.replay = conversation.replay
s.spawn = conversation.spawn

-- Seconds, for all that takes time

--- 60 seconds.
s.minute = 60
--- 3,600 seconds.
s.hour = 60 * s.minute
--- 86,400 seconds.
s.day = 24 * s.hour

-- Who and where

--- The id of the conversation whose code runs; nil outside of one.
---@return string?
s.conversation_id = kernel.conversation_id

--- The id of the instance whose code runs, or is drawn: "ix-3"; nil outside of one.
---@return string?
s.id = kernel.id

--- The id of the instance in whose slot this one stands; nil for a frame.
---@return string?
s.parent = kernel.parent

--- What `context` in `s.config` returned for the request that this conversation began
--- with: a copy.
---@return any
s.context = kernel.context

--- The same for `principal`: who it belongs to, as the app sees it.
---@return any
s.principal = kernel.principal

-- Stock dialogs (stube/ui.lua)
s.confirm = ui.confirm
s.prompt = ui.prompt
s.choose = ui.choose
s.info = ui.info

-- Values that all conversations share (stube/atom.lua)
s.atom = atom

-- The app (src/host)

--- A page: who visits the path begins a conversation. `path` may hold `:name`. An equal
--- path is replaced. `args` says what the root gets; `back` what the browser's Back asks
--- first, or with false that turns make no entries for it; `can` what its conversations
--- may do (see `s.spawn`), which is all without it.
--- ```lua
--- s.mount("/shop/:id", Shop, { args = function(req) return { id = req.params.id } end })
--- ```
---@param path string
---@param embed stube.Embed
---@param opts? { args: function?, title: string?, back: (boolean|string)?, can: string[]? }
s.mount = host.mount

--- Ends a page; conversations that live go on.
---@param path string
s.unmount = host.unmount

--- The paths of all pages, in order.
---@return string[]
s.mounts = host.mounts

--- Answers what is no part of a conversation: a feed, a download, a webhook.
--- ```lua
--- s.route("GET", "/api/orders/:id", function(req)
---   return { json = orders[req.params.id] }
--- end)
--- ```
---@param method string "GET", "POST" ...
---@param path string
---@param fn fun(req: table): table { status =, headers =, body = | json = | markup = }
---@param opts? { cross_site: boolean? } pages of other sites may send to it
s.route = host.route

--- The files of a folder, relative to the script's.
---@param prefix string
---@param dir string
---@param opts? { max_age: number? } seconds that a browser need not ask again
s.static = host.static

--- Sees every request first; what it returns, if anything, is the answer.
---@param fn fun(req: table): table?
s.before = host.before

--- Settings of the app; the command line wins over them. docs/operating.md lists them.
--- Raises on what is none, with the nearest.
---@param settings table
s.config = host.config

--- A line in the log, with fields: `s.log.info(message, { key = value })`, also `debug`,
--- `warn` and `error`. The one thing that is not undone when a turn fails.
s.log = host.log

return s
