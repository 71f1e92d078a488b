-- Tabs: all children live, one is drawn. The others keep what they know.
local s = require "stube"

local Counter = s.component("tabs/counter", {
  init = { n = 0 },
  render = function(self)
    return { "p.stube-counter",
      { "button", on_click = { "dec", queue = true }, aria_label = "Decrease", "−" },
      { "output", self.n },
      { "button", on_click = { "inc", queue = true }, aria_label = "Increase", "+" } }
  end,
  on = {
    inc = function(self) self.n = self.n + 1 end,
    dec = function(self) self.n = self.n - 1 end,
  },
})

local Notes = s.component("tabs/notes", {
  init = { text = "" },
  render = function(self)
    return { "div.stube-stack",
      { "label.stube-label", for_ = "notes", "Notes" },
      { "textarea.stube-input#notes", bind = "text", on_input = true },
      { "small", "Length: ", utf8.len(self.text) or #self.text, " chars" } }
  end,
})

local About = s.component("tabs/about", {
  render = function()
    return { "div", { "h2", "About" },
      { "p", "Three children; the parent draws one of them." } }
  end,
})

local names = { "Counter", "Notes", "About" }

local Tabs = s.component("demo/tabs", {
  init = { open = "Counter" },
  children = { Counter = Counter(), Notes = Notes(), About = About() },
  render = function(self)
    return { "section", { "h1", "Tabbed navigation" },
      { "nav.stube-actions", role = "tablist", aria_label = "Tabs",
        s.each(names, function(name)
          return { "button.stube-button", role = "tab", on_click = { "show", name },
            aria_selected = name == self.open,
            class = { ["stube-button--primary"] = name == self.open }, name }
        end) },
      { "div.stube-card", role = "tabpanel", aria_label = self.open,
        s.slot(self.open) } }
  end,
  on = { show = function(self, name) self.open = name end },
})

s.mount("/tabs", Tabs, { title = "Tabbed navigation" })
