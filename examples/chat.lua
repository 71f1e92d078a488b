-- A chat room. The room is an atom; the draft is each visitor's own.
local s = require "stube"

local room = s.atom("demo/chat", {})
local KEPT = 30

local function trim(text) return (text:gsub("^%s+", ""):gsub("%s+$", "")) end

local Lines = s.component("demo/chat-lines", {
  render = function()
    return { "ol.stube-stack", role = "log", aria_label = "Conversation",
      s.each(room:get(), function(line)
        return { "li", key = line.id, { "strong", line.name }, " ",
          { "small", line.at }, { "br" }, line.text }
      end) }
  end,
})

local Chat = s.component("demo/chat", {
  init = { name = "Ada", message = "" },
  children = { lines = Lines() },
  render = function()
    return { "section", { "h1", "Chat" }, s.slot "lines",
      { "form.stube-card.stube-stack", on_submit = "send",
        { "label.stube-label", "Name", { "input.stube-input", bind = "name" } },
        { "label.stube-label", "Message",
          { "input.stube-input", bind = "message", placeholder = "Say hello",
            autocomplete = "off", autofocus = true } },
        { "div.stube-actions.stube-actions--end",
          { "button.stube-button.stube-button--primary", "Send" } } } }
  end,
  on = {
    send = function(self)
      local text, name = trim(self.message), trim(self.name)
      if text == "" then return end
      room:update(function(lines)
        local last = lines[#lines]
        lines[#lines + 1] = { id = last and last.id + 1 or 1, text = text,
          name = name ~= "" and name or "anonymous",
          at = os.date("%H:%M", os.time()) }
        if #lines > KEPT then table.remove(lines, 1) end
      end)
      self.message = ""
    end,
  },
})

s.mount("/chat", Chat, { title = "Chat" })
