-- An answer that is an error, in the style of s.call: what the form could not do
-- arrives at its caller as `saved_error`, and the form is opened again.
local s = require "stube"

local Form = s.component("demo/title-form", {
  init = { draft = "", tries = 0, trouble = nil },
  render = function(self)
    return { "form.stube-card.stube-stack", on_submit = "save",
      self.trouble and { "p.stube-error", role = "alert", self.trouble },
      { "label.stube-label", for_ = "draft", "Title:" },
      { "input.stube-input#draft", bind = "draft", autofocus = true },
      { "div.stube-actions.stube-actions--end",
        { "button.stube-button", on_click = "cancel", "Cancel" },
        { "button.stube-button.stube-button--primary", "Save" } } }
  end,
  on = {
    save = function(self)
      if self.tries % 2 == 1 then return s.answer(self.draft) end
      s.answer_error { draft = self.draft,
        message = "Slug already taken (mock 409)" }
    end,
    cancel = function() s.answer() end,
  },
})

local Demo = s.component("demo/error-answer", {
  init = { tries = 0 },
  render = function(self)
    return { "section", { "h1", "answer-error demo" },
      self.title and { "p", "Saved: ", self.title },
      { "button.stube-button", on_click = "open", "Open edit form" } }
  end,
  on = {
    open = function(self) s.call(Form { tries = self.tries }, "saved") end,
    saved = function(self, title)
      if title then self.title, self.tries = title, self.tries + 1 end
    end,
    saved_error = function(self, err)
      self.tries = self.tries + 1
      s.call(Form { draft = err.draft, tries = self.tries,
        trouble = "Save failed: " .. err.message }, "saved")
    end,
  },
})

s.mount("/error-answer", Demo, { title = "Child-side error routing" })
