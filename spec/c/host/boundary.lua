-- What the boundary's specs drive: functions of a request in every place.
local s = require "stube"

s.config {
  context = function(req)
    if req.query.bad_context then return { db = print } end
    if req.query.wait_context then s.await(s.confirm "?") end
    return { host = req.headers.host, from = req.query.from }
  end,
  principal = function(req) return req.query.user end,
}

-- Sorted, so that a spec can compare.
local function dump(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names)
  local parts = {}
  for i, name in ipairs(names) do
    local v = t[name]
    parts[i] = name .. "=" .. (type(v) == "table" and "{" .. dump(v) .. "}"
      or tostring(v))
  end
  return table.concat(parts, ";")
end

s.component("spec/dump", { render = function(self) return { "p", self.text } end })
s.mount("/dump/:name", "spec/dump", { args = function(req)
  req.headers["user-agent"] = nil
  return { text = dump(req) }
end })

s.component("spec/protected", {
  init = { n = 0 },
  render = function(self)
    if not s.principal() then return { "p", "signed-in users only" } end
    return { "div", { "p", "Signed in as ", s.principal(), " at ",
      s.context().host, "." },
      { "output", self.n }, { "button", on_click = "inc", "+" } }
  end,
  on = { inc = function(self) self.n = self.n + 1 end },
})
s.mount("/protected", "spec/protected")

local function args_of(fn) return { args = fn } end
s.mount("/args-throw", "spec/dump", args_of(function() error "no args today" end))
s.mount("/args-number", "spec/dump", args_of(function() return 3 end))
s.mount("/args-await", "spec/dump", args_of(function()
  return { text = s.await(s.confirm "?") }
end))
s.mount("/args-loop", "spec/dump", args_of(function()
  while true do pcall(function() while true do end end) end
end))
s.mount("/args-answer", "spec/dump", args_of(function() s.answer(3) end))
