--- The stock dialogs. Each constructor returns an embed, for s.await and s.call;
--- the components are ui/confirm, ui/prompt, ui/choose and ui/info.
---
--- All are cards in a role of dialog, named by their text; Escape cancels, focus
--- starts inside (the client keeps it there and puts it back).

local check = require "stube.check"
local component = require "stube.component"
local kernel = require "stube.kernel"

local ui = {}

local function cancel() kernel.answer() end

--- What every dialog shares: the card, its name, and Escape.
---@param id string ends the ids of its parts, unique on the page
local function dialog(id, text, cancels, ...)
  text.id = id
  return { "div.stube-card.stube-modal", role = "dialog", aria_modal = true,
    aria_labelledby = id, tabindex = -1,
    on_keydown = cancels and { "cancel", key = "Escape", window = true } or nil,
    text, ... }
end

local function label_id() return kernel.id() .. "-label" end

local Confirm = component.component("ui/confirm", {
  doc = "A question with two answers: true, false. Escape is No.",
  init = { text = "Are you sure?", yes = "Yes", no = "No" },
  render = function(self)
    return dialog(label_id(), { "p.stube-card__body", self.text }, true,
      { "div.stube-actions.stube-actions--end",
        { "button.stube-button", on_click = "cancel", self.no },
        { "button.stube-button.stube-button--primary", on_click = "yes",
          autofocus = true, self.yes } })
  end,
  on = {
    yes = function() kernel.answer(true) end,
    cancel = function() kernel.answer(false) end,
  },
})

local Prompt = component.component("ui/prompt", {
  doc = "Asks for a line of text. Answers it, or nil when cancelled.",
  init = function(args)
    local self = { text = "Please enter a value:", ok = "OK",
      cancel = "Cancel", type = "text", name = "value" }
    for key, value in pairs(args) do self[key] = value end
    self[self.name] = args.value or ""
    return self
  end,
  render = function(self)
    local input = label_id() .. "-input"
    return dialog(label_id(),
      { "label.stube-label", for_ = input, self.text }, self.cancel ~= false,
      { "form.stube-stack", on_submit = "ok",
        { "input.stube-input", id = input, bind = self.name,
          type = self.type, placeholder = self.placeholder, min = self.min,
          max = self.max, inputmode = self.inputmode, autocomplete = "off",
          autofocus = true },
        { "div.stube-actions.stube-actions--end",
          self.cancel and { "button.stube-button", on_click = "cancel",
            self.cancel },
          { "button.stube-button.stube-button--primary", self.ok } } })
  end,
  on = {
    ok = function(self) kernel.answer(self[self.name]) end,
    cancel = cancel,
  },
})

local Choose = component.component("ui/choose", {
  doc = "One of several options. Answers it, or nil when cancelled.",
  init = { text = "Pick one:", options = {}, cancel = "Cancel" },
  render = function(self)
    local buttons = {}
    for i, option in ipairs(self.options) do
      local label = type(option) == "table" and option.label or option
      buttons[i] = { "button.stube-button.stube-button--block",
        on_click = { "choose", i }, autofocus = i == 1, tostring(label) }
    end
    return dialog(label_id(), { "p.stube-card__body", self.text }, true,
      { "div.stube-stack", buttons },
      { "div.stube-actions.stube-actions--end",
        { "button.stube-button", on_click = "cancel", self.cancel } })
  end,
  on = {
    choose = function(self, i)
      local option = self.options[i]
      if type(option) == "table" then option = option.value end
      kernel.answer(option)
    end,
    cancel = cancel,
  },
})

local Info = component.component("ui/info", {
  doc = "Something to read, and one button. Answers nothing.",
  init = { text = "", ok = "OK" },
  render = function(self)
    return dialog(label_id(), { "p.stube-card__body", self.text }, true,
      { "div.stube-actions.stube-actions--end",
        { "button.stube-button.stube-button--primary", on_click = "cancel",
          autofocus = true, self.ok } })
  end,
  on = { cancel = cancel },
})

local texts = { string = true, number = true, table = true } -- a table: markup

--- The options of a dialog, checked, laid under its text.
local function args(what, opts, shape, given)
  if given.text ~= nil and not texts[type(given.text)] then
    error(("%s: its text must be a string or markup, not a %s"):format(what,
      type(given.text)), 3)
  end
  if opts ~= nil then
    check.type(what .. ": opts", opts, "table", 3)
    check.keys(what, opts, shape, 3)
  end
  local all = {}
  for key, value in pairs(opts or {}) do all[key] = value end
  for key, value in pairs(given) do all[key] = value end
  return all
end

--- A yes-or-no question.
---@param text? string "Are you sure?" without one
---@param opts? { yes: string?, no: string? } the buttons' labels
---@return table embed answers true or false
function ui.confirm(text, opts)
  return Confirm(args("confirm", opts, { yes = "string", no = "string" },
    { text = text }))
end

--- A line of text.
---@param text? string
---@param default? string|number what the field holds at first
---@param opts? table ok, cancel (false: none), type, name, placeholder, min, max, inputmode
---@return table embed answers the text, or nil when cancelled
function ui.prompt(text, default, opts)
  if default ~= nil and type(default) ~= "string" and type(default) ~= "number"
  then
    error("prompt: its default must be a string, not a " .. type(default), 2)
  end
  return Prompt(args("prompt", opts, {
    ok = "string", cancel = "string|boolean", type = "string", name = "string",
    placeholder = "string", min = "number", max = "number",
    inputmode = "string",
  }, { text = text, value = default and tostring(default) or nil }))
end

--- One of a list.
---@param text? string
---@param options (string|number|{ label: string, value: any })[]
---@param opts? { cancel: string? }
---@return table embed answers the option (its value), or nil when cancelled
function ui.choose(text, options, opts)
  check.type("choose: options", options, "table", 2)
  return Choose(args("choose", opts, { cancel = "string" },
    { text = text, options = options }))
end

--- Something to read.
---@param text string
---@param opts? { ok: string? }
---@return table embed answers nil
function ui.info(text, opts)
  return Info(args("info", opts, { ok = "string" }, { text = text }))
end

return ui
