-- A list that can be sent to somebody: the address says which articles are open. A visit
-- turns it into cards (`args`), a turn turns the cards into an address (`url`).
local s = require "stube"

local shelf = { "clojure", "datastar", "kasten", "seaside" }
local articles = {
  clojure = { "Why Clojure?", "Data that nobody changes, and functions that say what "
    .. "they make of it." },
  datastar = { "Datastar in one page", "The server draws, and sends what changed over "
    .. "one stream." },
  kasten = { "Notes desk concepts", "Notes that stay open beside each other, and lead "
    .. "from one to the next." },
  seaside = { "Seaside's continuations", "A page calls another as a function calls "
    .. "another, and goes on with its answer." },
}

local Card = s.component("reading/card", {
  render = function(self)
    local title, body = table.unpack(articles[self.id] or { self.id, "(no body)" })
    return { "article.stube-card", { "h2", title }, { "p", body },
      { "button.stube-button", on_click = { "close", self.id, to = "parent" },
        aria_label = "Close " .. title, "Close" } }
  end,
})

local function place(list, id)
  for i, one in ipairs(list) do
    if one == id then return i end
  end
end

--- The ids in a query: words, each once, and no more than an address can hold.
local function ids(text)
  local list = {}
  for id in (type(text) == "string" and text or ""):gmatch "[%w-]+" do
    if #list < 20 and #id <= 40 and not place(list, id) then list[#list + 1] = id end
  end
  return list
end

local function address(self)
  return s.url "/reading-list"
    .. (#self.open > 0 and "?items=" .. table.concat(self.open, ",") or "")
end

local List = s.component("demo/reading-list", {
  url = address,
  children = function(self)
    local cards = {}
    for i, id in ipairs(self.open) do cards[i] = { id, Card { id = id } } end
    return { card = cards }
  end,
  render = function(self)
    return { "section", { "h1", "Reading list" },
      { "p", "URL: ", { "code", address(self) } },
      { "div.stube-actions", s.each(shelf, function(id)
        return not place(self.open, id) and { "button.stube-button",
          on_click = { "open", id }, "Open ", id }
      end) },
      s.slot("card", { "div.stube-stack" }) }
  end,
  on = {
    open = function(self, id)
      if not place(self.open, id) then self.open[#self.open + 1] = id end
    end,
    close = function(self, id)
      local i = place(self.open, id)
      if i then table.remove(self.open, i) end
    end,
  },
})

s.mount("/reading-list", List, { title = "Reading list (shareable URL)",
  args = function(req) return { open = ids(req.query.items) } end })
