-- Conversations that a page begins, with links to them; and a mount that limits its own.
local s = require "stube"

local Watcher = s.component("spec/watcher", {
  init = { n = 0 },
  start = function(self) s.subscribe("spec/bell", "bell"); self.began = true end,
  render = function(self)
    return { "section", { "h1", "Watcher of ", self.name },
      { "output", self.n },
      { "button", on_click = "bell", "+" },
      { "button", on_click = "script", "Script" } }
  end,
  on = {
    bell = function(self) self.n = self.n + 1 end,
    script = function() s.execute_script "document.title = 'ran'" end,
  },
})

s.mount("/boss", s.component("spec/boss", {
  init = { list = {} },
  render = function(self)
    return { "section", { "h1", "Boss" },
      { "button", on_click = { "hire", "ann" }, "Hire" },
      { "button", on_click = { "hire", "nobody" }, "Hire for nobody" },
      { "button", on_click = "ring", "Ring" },
      { "ul", s.each(self.list, function(w)
        return { "li", s.link("/conv/" .. w.made.cid, "Watcher of " .. w.name) }
      end) } }
  end,
  on = {
    hire = function(self, name)
      local opts = { can = { "after" }, title = "Watch" }
      if name == "nobody" then opts.owner = false end
      self.list[#self.list + 1] = { name = name, made = s.spawn(Watcher { name = name }, opts) }
    end,
    ring = function() s.publish("spec/bell", 1) end,
  },
}))

s.mount("/limited", s.component("spec/limited", {
  render = function()
    return { "section", { "h1", "Limited" }, { "button", on_click = "script", "Script" } }
  end,
  on = { script = function() s.execute_script "document.title = 'ran'" end },
}), { can = { "io" } })

s.route("GET", "/hire", function()
  return { json = { cid = s.spawn(Watcher { name = "cron" }).cid } }
end)
