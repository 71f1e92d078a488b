-- A visitor without a browser: mints a conversation, clicks what is drawn, sees what
-- is sent. Every turn is committed at once unless a spec holds the store.
local drive = require "stube.drive"

local Page = {}
Page.__index = Page

local function unescape(text)
  return (text:gsub("&#(%d+);", function(n) return utf8.char(tonumber(n)) end)
    :gsub("&quot;", '"'):gsub("&lt;", "<"):gsub("&gt;", ">"):gsub("&amp;", "&"))
end

--- What was released, and apart from it the lines that tell of address and
--- entry, a table each.
local function taken()
  local sent, told = {}, {}
  for _, fragment in ipairs(drive.take()) do
    if fragment.kind == "address" then
      local lines = {}
      for key, value in fragment.body:gmatch("(%l+) ([^\n]*)") do
        lines[key] = tonumber(value) or value
      end
      told[#told + 1] = lines
    else
      sent[#sent + 1] = fragment
    end
  end
  return sent, told
end

--- Boots a conversation. `page.cid` is nil when it failed or ended at once.
local function visit(embed, context, principal, back)
  drive.take()
  local cid, html = drive.mint(embed, context, principal, back)
  drive.take()
  return setmetatable({ cid = cid, first = html, pages = 0 }, Page)
end

--- The page as it would be drawn now.
function Page:html() return drive.page(self.cid) end

--- Its text, tags removed.
function Page:text()
  return unescape((self:html():gsub("<[^>]*>", " "):gsub("%s+", " ")))
end

--- Posts an event; returns its result and what was released. What that tells of
--- the address is in `page.told`. With a `page.name` it is a numbered one.
function Page:post(event)
  drive.take()
  if self.name then
    self.n = (self.n or 0) + 1
    event.page, event.n = self.name, self.n
  end
  local answer = drive.post(self.cid, event)
  while drive.poll() > 0 do end
  local sent
  sent, self.told = taken()
  return answer.result, sent
end

--- Somebody follows it: it is saved, and its timers run.
function Page:follow()
  drive.promote(self.cid)
  while drive.poll() > 0 do end
  return self
end

--- Lets time pass; returns what was released.
function Page:advance(seconds)
  local sent
  drive.take()
  drive.advance(seconds)
  sent, self.told = taken()
  return sent
end

--- Clicks the first button with this label, or fails.
function Page:click(label, signals)
  for attributes, text in self:html():gmatch("<button([^>]*)>(.-)</button>") do
    local url = unescape(attributes):match("@post%('([^']*)'")
    if unescape(text) == label and url then
      local iid, event, query = url:match("/conv/[^/]+/([^/]+)/([^?]+)%?(.*)")
      local p = query:match("&p=(.*)")
      local value
      if p then
        p = p:gsub("%%(%x%x)", function(h) return string.char(tonumber(h, 16)) end)
        value = load("return " .. p)()
      end
      return self:post { to = iid, event = event, value = value,
        signals = signals }
    end
  end
  error(("no button %q in: %s"):format(label, self:html()), 2)
end

return visit
