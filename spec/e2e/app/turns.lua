-- What the browser specs need beside the examples: effects, errors, bound fields.
local s = require "stube"

s.mount("/effects", s.component("spec/effects", {
  init = { draft = "", kind = "plain", wanted = false, n = 0 },
  render = function(self)
    return { "section",
      { "h1", "Effects" },
      { "button", on_click = "script", "Script" },
      { "button", on_click = "signals", "Signals" },
      { "button", on_click = "extra", "Extra" },
      { "button", on_click = { "confirmed", confirm = "Sure?" }, "Careful" },
      { "ul#extra" },
      { "output", self.n },
      { "form", on_submit = "save",
        { "label", "Draft ", { "input", bind = "draft" } },
        { "label", "Wanted ", { "input", type = "checkbox", bind = "wanted" } },
        { "label", "Kind ", { "select", bind = "kind",
          s.each({ "plain", "fancy" }, function(kind)
            return { "option", value = kind, kind }
          end) } },
        { "button", "Save" } },
      { "p#saved", self.saved },
      { "p#zoom", data_text = "$zoom" } }
  end,
  on = {
    script = function() s.execute_script "document.title = 'ran </script>'" end,
    signals = function() s.patch_signals { zoom = 7 } end,
    extra = function()
      s.patch({ "li", "<one>" }, { selector = "#extra", mode = "append" })
    end,
    confirmed = function(self) self.n = self.n + 1 end,
    save = function(self)
      self.saved = ("%s/%s/%s"):format(self.draft, self.wanted, self.kind)
      self.draft = ""
    end,
  },
}))

s.mount("/errors", s.component("spec/errors", {
  init = { n = 0 },
  children = { other = s.component("spec/quiet", {
    init = { n = 0 },
    render = function(self)
      return { "div", { "output#quiet", self.n },
        { "button", on_click = "inc", "Quiet" } }
    end,
    on = { inc = function(self) self.n = self.n + 1 end },
  }), loud = s.component("spec/loud", {
    init = { n = 0 },
    render = function(self)
      return { "div", { "output#loud", self.n },
        { "button", on_click = "inc", "+1" },
        { "button", on_click = "boom", "Boom" } }
    end,
    on = {
      inc = function(self) self.n = self.n + 1 end,
      boom = function(self)
        self.n = 99
        error("kaputt")
      end,
    },
  }) },
  render = function()
    return { "section", { "h1", "Errors" }, s.slot "loud", s.slot "other" }
  end,
}))
