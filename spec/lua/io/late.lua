-- What a job requires when it runs. The app never does, so nobody else is registered.
local s = require "stube"

s.mount("/io-late", s.component("io/late", { render = function() return {} end }))
s.route("GET", "/io-late-route", print)

local n = 0
return { seen = function() n = n + 1 return n end }
