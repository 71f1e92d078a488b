-- Steps with Back, in the style of s.call: each step is a component, an answer comes
-- as an event, and Back is just another answer. The last page is decorated: it
-- extends a plain summary and draws a strip around it.
local s = require "stube"

local Step = s.component("wizard/step", {
  init = { label = "", placeholder = "", answer = "" },
  render = function(self)
    return { "form.stube-card.stube-stack", on_submit = "next",
      { "label.stube-label", for_ = "answer", self.label },
      { "input.stube-input#answer", bind = "answer", autofocus = true,
        placeholder = self.placeholder, autocomplete = "off" },
      { "div.stube-actions.stube-actions--end",
        { "button.stube-button", on_click = "back", "Back" },
        { "button.stube-button.stube-button--primary", "Next" } } }
  end,
  on = {
    next = function(self) s.answer(self.answer) end,
    back = function() s.answer() end,
  },
})

local Summary = s.component("wizard/summary", {
  render = function(self)
    return { "section.stube-card.stube-stack",
      { "h1", "All set, ", self.name, "!" },
      { "p", "Your favourite colour is ",
        { "strong", style = { color = self.colour }, self.colour }, "." },
      { "div.stube-actions.stube-actions--end",
        { "button.stube-button", on_click = "over", "Start over" },
        { "button.stube-button", on_click = "back", "Back" } } }
  end,
  on = {
    over = function() s.answer("over") end,
    back = function() s.answer() end,
  },
})

local Decorated = s.component("wizard/decorated", {
  extends = Summary,
  render = function(self)
    return { "div.stube-stack", { "small", "Decorated with extends" },
      Summary.render(self) }
  end,
})

local function ask_name(self)
  s.call(Step { label = "What's your name?", placeholder = "Ada",
    answer = self.name }, "named")
end

local function ask_colour(self)
  s.call(Step { label = "Favourite colour?", placeholder = "rebeccapurple",
    answer = self.colour }, "coloured")
end

local Wizard = s.component("demo/wizard", {
  init = { name = "", colour = "" },
  start = ask_name,
  on = {
    named = function(self, name)
      if not name then return s.finish() end
      self.name = name
      ask_colour(self)
    end,
    coloured = function(self, colour)
      if not colour then return ask_name(self) end
      self.colour = colour
      s.call(Decorated { name = self.name, colour = colour }, "seen")
    end,
    seen = function(self, over)
      if not over then return ask_colour(self) end
      self.name, self.colour = "", ""
      ask_name(self)
    end,
  },
})

s.mount("/wizard", Wizard, { title = "Wizard" })
