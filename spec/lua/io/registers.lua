-- A file that registers what an app registers; in a worker none of that counts.
local s = require "stube"

local Page = s.component("io/page", { render = function() return { "p", "page" } end })
s.mount("/io-spec", Page)
s.route("GET", "/io-spec-route", print)
s.static("/io-spec-files", "spec/lua")
s.before(function() end)
s.config {}
local votes = s.atom("io/votes", 3)

local M = {}

--- What there is: mounts, the component, the atom's name.
function M.seen()
  return #s.mounts(), s.lookup(Page) ~= nil, s.embed(Page).type, votes.name, s.url "/x"
end

return M
