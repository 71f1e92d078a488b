-- Editing in place: the editor is a child that exists while a row is being edited. As
-- `children` is a function of state, it moves with `self.editing`, and goes with it.
local s = require "stube"

local function trim(text) return (text:gsub("^%s+", ""):gsub("%s+$", "")) end

local Editor = s.component("todo/editor", {
  render = function()
    return { "form.stube-actions", on_submit = "save",
      { "input.stube-input", bind = "text", autofocus = true, aria_label = "Text" },
      { "button.stube-button.stube-button--primary", "Save" },
      { "button.stube-button", on_click = "cancel", "Cancel" } }
  end,
  on = {
    save = function(self) s.answer(trim(self.text)) end,
    cancel = function() s.answer() end,
  },
})

local function find(self, id)
  for i, item in ipairs(self.items) do
    if item.id == id then return item, i end
  end
end

local Todo = s.component("demo/todo", {
  init = function()
    return { draft = "", last = 2, items = {
      { id = 1, text = "click a label to edit it" },
      { id = 2, text = "tick the box when done" } } }
  end,
  styles = [[
    & li { display: flex; gap: .6rem; align-items: center; list-style: none; }
    & ul { padding: 0; }
    & li > * { margin: 0; }
    & li > input { flex: none; }
    & form { flex: 1; min-width: 0; }
    & form input { flex: 1 1 12rem; min-width: 0; width: auto; }
    & h1 + form { margin-bottom: 1rem; }
    & .label { flex: 1; cursor: pointer; border: 0; background: none; padding: 0;
      color: inherit; font: inherit; text-align: start; }
    & .done .label { text-decoration: line-through; color: var(--stube-muted); }
  ]],
  children = function(self)
    local item = find(self, self.editing)
    return { editor = item and Editor { text = item.text, id = item.id } }
  end,
  render = function(self)
    local done = 0
    for _, item in ipairs(self.items) do done = done + (item.done and 1 or 0) end
    return { "section", { "h1", "Todo" },
      { "form.stube-actions", on_submit = "add",
        { "input.stube-input", bind = "draft", placeholder = "What needs doing?",
          aria_label = "New", autocomplete = "off" },
        { "button.stube-button.stube-button--primary", "Add" } },
      { "ul", s.each(self.items, function(item)
        return { "li", key = item.id, class = { done = item.done },
          { "input", type = "checkbox", checked = item.done or false,
            aria_label = "Done: " .. item.text, on_change = { "toggle", item.id } },
          item.id == self.editing and s.slot "editor"
            or { "button.label", on_click = { "edit", item.id }, item.text },
          { "button.stube-button", on_click = { "remove", item.id },
            aria_label = "Remove: " .. item.text, "✕" } }
      end) },
      { "p", #self.items - done, " open · ", done, " done" } }
  end,
  on = {
    add = function(self)
      local text = trim(self.draft)
      if text == "" then return end
      self.last = self.last + 1
      self.items[#self.items + 1] = { id = self.last, text = text }
      self.draft = ""
    end,
    toggle = function(self, id)
      local item = find(self, id)
      if item then item.done = not item.done end
    end,
    edit = function(self, id) self.editing = id end,
    editor = function(self, text) -- the editor's answer: nil when cancelled
      local item = find(self, self.editing)
      if item and text and text ~= "" then item.text = text end
      self.editing = nil
    end,
    remove = function(self, id)
      local item, i = find(self, id)
      if item then table.remove(self.items, i) end
      if self.editing == id then self.editing = nil end
    end,
  },
})

s.mount("/todo", Todo, { title = "Todo list" })
