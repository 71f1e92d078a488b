-- What the heads that are fuzzed are heads of: each kind of place, call and wait.
-- `go` of each instance does what it does best.
local component = require "stube.component"
local html = require "stube.html"
local kernel = require "stube.kernel"
local ui = require "stube.ui"

local Leaf = component.component("fuzz/leaf", {
  init = { n = 0 },
  update = function(self, args) self.n = args.n or 0 end,
  render = function(self)
    return { "p", { "button", on_click = "go", "+" }, tostring(self.n) }
  end,
  on = {
    go = function(self)
      self.n = self.n + 1
      kernel.execute_script("went(" .. self.n .. ")")
      kernel.patch_signals { n = self.n }
      kernel.answer(self.n)
    end,
  },
})

local List = component.component("fuzz/list", {
  init = { rows = { "a", "b" }, n = 0, draft = "", on = true },
  children = function(self)
    local rows = {}
    for i, key in ipairs(self.rows) do rows[i] = { key, Leaf { n = i } } end
    return { rows = rows, foot = self.on and Leaf or nil }
  end,
  render = function()
    return { "div", { "input", bind = "draft" }, html.slot "rows",
      html.slot "foot", html.slot "side" }
  end,
  on = {
    go = function(self)
      self.n = self.n + 1
      self.rows[#self.rows + 1] = "k" .. self.n
      if kernel.await(ui.confirm "More?") then
        table.remove(self.rows, 1)
        kernel.await(Leaf { n = 5 }, { slot = "side" })
      else
        self.on = not self.on
      end
    end,
    rows = function(self, _, ev) self.rows[1] = ev.key self.draft = "typed" end,
    rows_error = function(self) self.rows = {} end,
    foot = function(_, n) if n > 1 then kernel.become(Leaf { n = n }) end end,
    side = function() kernel.call(Leaf, "done", { slot = "side" }) end,
    done = function(self, n) self.rows[2] = "d" .. tostring(n) end,
  },
})

component.component("fuzz/later", {
  init = { heard = "" },
  render = function(self) return { "p", self.heard, html.slot "side" } end,
  start = function(self)
    kernel.subscribe("t", "told")
    kernel.after(1, "told", { 1 })
    while true do
      local message, why = kernel.receive("t", 5)
      self.heard = tostring(message) .. tostring(why)
      kernel.sleep(1)
    end
  end,
  on = {
    go = function(self)
      kernel.publish("t", self.heard)
      kernel.publish_local("t", { 2 })
      kernel.send("ix-1", "told", "sent")
      kernel.after(0.1, "told", nil, { volatile = true })
    end,
    side = function(self)
      self.got = kernel.await(Leaf, { slot = "side", timeout = 1 })
    end,
    told = function(self, value) self.heard = self.heard .. type(value) end,
  },
})

component.flow("fuzz/flow", function(args)
  local total <const>, log = args.total or 2, {}
  for i = 1, total do
    local ok, got = pcall(function()
      local name = kernel.await(ui.prompt("Name", "n" .. i))
      log[#log + 1] = name
      return kernel.await(List { draft = name })
    end)
    log[#log + 1] = tostring(ok) .. tostring(got)
  end
  kernel.await(ui.info(table.concat(log, ";")))
  return log
end)

-- Waits for workers, once with a timeout; `side` waits for another call.
local function in_a_worker(...) return ... end

component.component("fuzz/io", {
  init = { got = "" },
  render = function(self) return { "p", self.got } end,
  start = function(self)
    self.got = tostring(kernel.io(in_a_worker, { "a", self.got }, 2))
    kernel.background(in_a_worker, self.got)
  end,
  on = {
    go = function(self)
      local got, why = kernel.io({ timeout = 5 }, in_a_worker, self.got)
      self.got = tostring(got) .. tostring(why)
    end,
    side = function(self) self.got = tostring(select("#", kernel.io(in_a_worker))) end,
  },
})
