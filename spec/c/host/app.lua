-- What the host's specs drive: a counter, a form, and handlers that fail in every way.
local s = require "stube"

local function button(event, value)
  return { "button", on_click = { event, value }, event }
end

s.component("spec/counter", {
  init = { n = 0 },
  render = function(self)
    return { "div", { "output", self.n }, button("inc"), button("add", 5),
      { "form", on_submit = "say", { "input", bind = "said" },
        { "button", "say" } },
      { "p", self.said }, button("seal") }
  end,
  on = {
    inc = function(self) self.n = self.n + 1 end,
    add = function(self, by) self.n = self.n + by end,
    say = function() end,
    seal = function() s.isolate() end,
  },
})

local failures = {
  loop = function() while true do end end,
  loop_in_pcall = function()
    while true do pcall(function() while true do end end) end
  end,
  recurse = function()
    local function f() return 1 + f() end
    return f()
  end,
  allocate = function()
    local t, kb = {}, ("x"):rep(1000)
    while true do t[#t + 1] = kb:rep(100) .. #t end
  end,
  match = function()
    return (("a"):rep(26)):find(("a?"):rep(26) .. ("a"):rep(26) .. "b") and nil
  end,
  throw_table = function() error({}) end,
  throw_nil = function() error(nil) end,
  throw_string = function() error("thrown") end,
  nonsense = function() return "nonsense" end,
  unsavable = function(self) self.f = io.open("/dev/null") end,
  bad_render = function(self) self.bad = true end,
}

local on, buttons = {}, {}
for name, f in pairs(failures) do
  on[name] = f
  buttons[#buttons + 1] = name
end
table.sort(buttons)

s.component("spec/failing", {
  on = on,
  render = function(self)
    if self.bad then return { "p", print } end
    return { "div", s.each(buttons, function(name) return button(name) end) }
  end,
})

s.component("spec/scripted", {
  init = { n = 0 },
  start = function() s.execute_script("began()") end,
  render = function(self) return { "p", self.n, button("run") } end,
  on = {
    run = function(self)
      self.n = self.n + 1
      s.execute_script(("run(%d)"):format(self.n))
      s.patch_signals { ran = self.n }
    end,
  },
})

s.mount("/scripted", "spec/scripted")
s.mount("/counter", "spec/counter", { title = "Counter & more" })
s.mount("/failing", "spec/failing")
s.mount("/boot", s.component("spec/boot", {
  init = function() error("no boot") end,
}))
s.mount("/hello/:name", s.component("spec/hello", {
  render = function(self) return { "p", self.greeting, " ", self.name } end,
}), { args = function(req)
  return { name = req.params.name, greeting = req.query.g or "Hello" }
end })
