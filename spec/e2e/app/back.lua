-- What the specs of Back and of addresses need beside the examples.
local s = require "stube"

s.config { principal = function(req) return req.cookies.who end }

s.mount("/who", s.component("spec/who", {
  init = { n = 0 },
  render = function(self)
    return { "section", { "h1", s.principal() or "nobody" }, { "output", self.n },
      { "button", on_click = "inc", "+" } }
  end,
  on = { inc = function(self) self.n = self.n + 1 end },
}))

--- A question as a form, so that a flow waits for its answer.
local Ask = s.component("spec/ask", {
  init = { text = "", answer = "" },
  render = function(self)
    return { "form", on_submit = "next",
      { "label", self.text, " ", { "input", bind = "answer", autofocus = true } },
      { "label", "Note ", { "input", name = "note" } },
      { "label", "Secret ", { "input", type = "password", name = "secret" } },
      { "button", "Next" } }
  end,
  on = { next = function(self) s.answer(self.answer) end },
})

s.flow("spec/steps", function()
  local name = s.await(Ask { text = "Name?" })
  local town = s.await(Ask { text = "Town?" })
  local food = s.await(Ask { text = "Food?" })
  s.await(s.info(("%s of %s eats %s"):format(name, town, food), { ok = "Again" }))
end)
s.mount("/steps", "spec/steps")

s.mount("/pay", s.flow("spec/pay", function()
  local what = s.await(Ask { text = "What?" })
  s.await(Ask { text = "How much?" })
  s.isolate()
  s.await(s.info(what .. " is paid", { ok = "Fine" }))
  s.await(s.info("Good bye", { ok = "Bye" }))
end))

-- Clicks that only change it, a call, and a clock that ticks meanwhile.
local Counted = {
  init = { n = 0, ticks = 0 },
  render = function(self)
    return { "section",
      { "h1", "Counted" }, { "output", self.n }, { "small", self.ticks },
      { "button", on_click = "inc", "+" },
      { "button", on_click = "ask", "Ask" },
      { "button", on_click = "undo", "Undo" } }
  end,
  on = {
    inc = function(self) self.n = self.n + 1 end,
    ask = function(self) if s.await(s.confirm "Sure?") then self.n = self.n + 100 end end,
    undo = function() s.back() end,
    tick = function(self) self.ticks = self.ticks + 1 end,
  },
}
s.mount("/counted", s.component("spec/counted", Counted))
s.mount("/ignored", "spec/counted", { back = false })
s.mount("/asked", "spec/counted", { back = "Undo this?" })
s.mount("/ticking", s.component("spec/ticking", { extends = "spec/counted",
  start = function(self)
    while true do
      s.sleep(0.05)
      self.ticks = self.ticks + 1
    end
  end }))

-- Tabs whose address is set by hand; what else reaches the page.
s.mount("/tabs", s.component("spec/tabs", {
  init = { tab = "one" },
  render = function(self)
    return { "section",
      { "h1", "Tab ", self.tab },
      s.each({ "one", "two" }, function(tab)
        return { "button", on_click = { "show", tab }, tab }
      end),
      { "button", on_click = "data", "Data" },
      { "button", on_click = "down", "Down" },
      { "button", on_click = "field", "Field" },
      { "button", on_click = "title", "Title" },
      { "a", href = "#end", "To the end" },
      { "label", "Field ", { "input#field" } },
      { "div", style = { height = "3000px" } },
      { "h2#end", "The end" } }
  end,
  on = {
    show = function(self, tab)
      self.tab = tab
      s.history("push", s.url("/tabs", { tab = tab }))
    end,
    data = function(self)
      self.tab = "data"
      return { "history", "replace", s.url("/tabs", { tab = "data" }) }
    end,
    down = function(self)
      self.tab = "down"
      s.scroll_to "#end"
    end,
    field = function() s.focus "#field" end,
    title = function() return { "focus", "h1" } end,
  },
}), { args = function(req) return { tab = req.query.tab or "one" } end })

-- A long list, each row of which leads to a page of its own.
local Row = s.component("spec/row", {
  render = function(self)
    return { "section", { "h1", "Row ", self.n }, { "div", style = { height = "2500px" } },
      { "button", on_click = "close", "Close" } }
  end,
  on = { close = function() s.answer() end },
})
s.mount("/long", s.component("spec/long", {
  render = function()
    local rows = {}
    for n = 1, 100 do
      rows[n] = { "p", { "button", on_click = { "open", n }, "Row " .. n } }
    end
    return { "section", rows }
  end,
  on = { open = function(_, n) s.await(Row { n = n }) end },
}))

-- An address that is wrong.
s.mount("/wrong", s.component("spec/wrong", {
  init = { n = 0 },
  url = function(self) return self.n == 0 and s.url "/wrong" or "https://example.org/" end,
  render = function(self)
    return { "section", { "output", self.n }, { "button", on_click = "inc", "+" } }
  end,
  on = { inc = function(self) self.n = self.n + 1 end },
}))

-- An address that follows what happens without a visitor.
s.mount("/counting", s.component("spec/counting", {
  init = { n = 0 },
  url = function(self) return s.url("/counting", { n = self.n }), "push" end,
  render = function(self)
    return { "section", { "output", self.n }, { "button", on_click = "go", "Go" } }
  end,
  on = {
    go = function() s.after(0.01, "tick") end,
    tick = function(self) self.n = self.n + 1 end,
  },
}))
