-- Random edits of lists, calls into slots and answers: after each turn the fragments,
-- applied to a model of the page, must give what a whole drawing gives. A failure
-- prints `SEED=n`, and `SEED=n make check` repeats it alone; `CASES=n` runs more.
local dom = require "spec.lua.dom"
local drive = require "stube.drive"
local s = require "stube"
local visit = require "spec.lua.visit"

local STEPS = 12
local cases = tonumber(os.getenv "CASES") or 250
local first = tonumber(os.getenv "SEED")

--- One in `n`.
local function chance(n) return math.random(n) == 1 end
local function pick(list) return list[math.random(#list)] end

-- What a turn of the list or of a row can be asked to do, as the event's value.

local Editor = s.component("spec/random-editor", {
  init = { text = "edit", n = 0 },
  render = function(self)
    return { "form", { "b", self.text .. self.n }, s.slot("deep", { "i" }) }
  end,
  on = {
    answer = function(_, value) s.answer(value) end,
    inc = function(self) self.n = self.n + 1 end,
    become = function(self) s.become(self.next or "spec/random-editor") end,
    fail = function() error "meant" end,
    deep = function() s.call("spec/random-editor", nil, { slot = "deep" }) end,
    over = function() s.call "spec/random-editor" end,
  },
})

local function row(id, update)
  return s.component(id, {
    init = function(args)
      return { text = args.text, n = 0, notes = args.notes }
    end,
    children = function(self)
      local notes = {}
      for i = 1, self.notes or 0 do
        notes[i] = { i, Editor { text = "note " .. i } }
      end
      return { notes = notes }
    end,
    render = function(self)
      return { "li", { "span", self.text, self.n }, s.slot "notes",
        self.open and s.slot "box", s.slot("always", { "p" }) }
    end,
    update = update and function(self, args)
      self.text, self.notes = args.text, args.notes
    end or nil,
    on = {
      inc = function(self) self.n = self.n + 1 end,
      open = function(self) self.open = not self.open end,
      fail = function() error "meant" end,
      box = function(self)
        self.said = s.await(Editor { text = "box" }, { slot = "box" })
      end,
      always = function() s.call("spec/random-editor", "inc", { slot = "always" }) end,
      over = function() s.call(Editor { text = "over" }, "inc") end,
      become = function() s.become(Editor { text = "became" }) end,
      answer = function() s.answer(1) end,
    },
  })
end

local Plain, Updated = row("spec/random-plain", false), row("spec/random-row", true)

--- How the list shows its rows; the element around them may be anything.
local wraps = {
  function() return s.slot("rows", { "ul" }) end,
  function() return s.slot("rows", { "ul#own" }) end,
  function() return s.slot("rows", { "ul", { "li", "head" } }) end,
  function() return s.slot "rows" end,
  function(self) return not self.hidden and s.slot("rows", { "ol" }) end,
  function(self)
    return self.hidden and s.slot("rows", { "ul" }) or { "div", s.slot "rows" }
  end,
}

s.component("spec/random-list", {
  init = { rows = {}, serial = 0, n = 0 },
  children = function(self)
    local wanted = {}
    for i, item in ipairs(self.rows) do
      local Row = item.updated and Updated or Plain
      wanted[i] = { item.key, Row { text = item.text, notes = item.notes } }
    end
    return { rows = wanted, top = self.top and Editor { text = self.top } or nil }
  end,
  render = function(self)
    return { "section", { "h1", self.n }, self.counts and #self.rows, s.slot "top",
      wraps[self.wrap](self), s.slot("side", { "aside" }) }
  end,
  on = {
    set = function(self, rows) self.rows = rows end,
    inc = function(self) self.n = self.n + 1 end,
    hide = function(self) self.hidden = not self.hidden end,
    top = function(self, value) self.top = value and "top" end,
    fail = function(self)
      self.n = -1
      error "meant"
    end,
    side = function() s.call("spec/random-editor", "inc", { slot = "side" }) end,
    over = function() s.call(Editor { text = "page" }, "inc") end,
    rows = function(self) self.n = self.n + 100 end,
    mixed = function(self, rows)
      self.rows = rows
      s.await(Editor { text = "mixed" }, { slot = "side" })
      table.remove(self.rows)
      self.n = self.n + 1
    end,
  },
})
drive.collect()

--- Some edits of a list of rows.
local function edited(rows, serial)
  local now = table.move(rows, 1, #rows, 1, {})
  for _ = 1, math.random(chance(4) and 6 or 2) do
    local what = math.random(8)
    if what <= 3 or #now == 0 then
      local at = what == 1 and #now + 1 or math.random(#now + 1)
      serial = serial + 1
      table.insert(now, at, { key = chance(2) and serial or "k" .. serial,
        text = "t" .. serial, notes = chance(3) and math.random(0, 3) or nil,
        updated = chance(2) })
    elseif what == 4 then
      table.remove(now, math.random(#now))
    elseif what == 5 then
      table.insert(now, math.random(#now), table.remove(now, math.random(#now)))
    elseif what == 6 then
      local at = math.random(#now)
      local old = now[at]
      now[at] = { key = old.key, text = old.text .. "'", updated = old.updated,
        notes = chance(2) and math.random(0, 3) or old.notes }
    elseif what == 7 and chance(3) then
      for i = #now, 2, -1 do
        local j = math.random(i)
        now[i], now[j] = now[j], now[i]
      end
    elseif chance(6) then
      now = {}
    end
  end
  return now, serial
end

--- The ids of all instances in the page.
local function instances(html)
  local ids = {}
  for id in html:gmatch 'id="(ix%-%d+)"' do ids[#ids + 1] = id end
  return ids
end

local events = { "inc", "inc", "open", "box", "always", "over", "become", "deep",
  "answer", "answer", "answer", "side", "hide", "hide", "top", "fail", "fail" }

local function run(seed)
  math.randomseed(seed)
  s.component("spec/random-root", {
    extends = "spec/random-list",
    init = { rows = edited({}, 0), serial = 100, n = 0, wrap = math.random(#wraps),
      counts = chance(4) },
  })
  drive.collect()
  local page = visit "spec/random-root"
  local models = { dom.page(page.first, true), dom.page(page.first, false) }
  local rows, serial, seen = {}, 100, { "ix-1" }
  for step = 1, STEPS do
    if not drive.alive(page.cid) then return end
    local event
    if chance(2) then
      rows, serial = edited(rows, serial)
      event = { to = "ix-1", event = chance(5) and "mixed" or "set", value = rows }
    else
      -- To one that is covered, too, or gone.
      event = { to = chance(4) and "ix-1" or pick(seen), event = pick(events),
        value = chance(2) or nil }
    end
    local result, sent = page:post(event)
    if result ~= "OK" then
      local banner = sent[1].body:match '^<div id="(ix%-%d+)"[^>]*role="alert"'
      local function apply(more)
        for _, model in ipairs(models) do model:apply(more) end
      end
      apply(sent)
      apply(select(2, page:post { to = pick(seen), event = "inc" }))
      result, sent = page:post { to = banner, event = "-" } -- "Try again"
      assert(result == "OK")
    end
    if chance(3) then
      drive.hot(0)
      visit "ui/info"
      drive.hot()
    end
    if not drive.alive(page.cid) then return end
    local whole = page:html()
    for _, model in ipairs(models) do
      model:apply(sent)
      local is, should = model:html(), dom.normal(whole)
      if is ~= should then
        error(("step %d, %s to %s\n%s\nshould be\n%s"):format(step, event.event,
          event.to, is, should), 0)
      end
    end
    local ids = instances(whole)
    for _ = 1, 5 do seen[#seen + 1] = pick(ids) end
  end
end

describe("what stands in slots", function()
  it("is on the page as a whole drawing has it, after any edits", function()
    drive.log(false)
    finally(function() drive.log(true) end)
    for seed = first or 1, first or cases do
      local ok, problem = pcall(run, seed)
      if not ok then error(("SEED=%d: %s"):format(seed, problem), 0) end
    end
  end)
end)
