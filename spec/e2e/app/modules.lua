-- Components that bring browser modules along.
local s = require "stube"

local modules = { "spec/mark", "/files/spec/mark.js" }

s.component("e2e/marked", {
  modules = modules,
  render = function() return { "h1", "Marked" } end,
})
s.component("e2e/marked-too", { modules = { "spec/mark" } })

s.static("/files", "modules")
s.mount("/marked", "e2e/marked")
