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

-- Routes.

local notes = {}
s.route("GET", "/notes", function() return { json = s.list(notes) } end)
s.route("POST", "/notes", function(req)
  notes[#notes + 1] = req.json and req.json.text or req.form and req.form.text
    or req.body
  return { status = 201, headers = { location = "/notes/" .. #notes } }
end)
s.route("PUT", "/notes/:n", function(req)
  notes[tonumber(req.params.n)] = req.body
  return { status = 204 }
end)
s.route("POST", "/webhook", function() return { body = "taken" } end,
  { cross_site = true })
s.route("GET", "/feed", function()
  return { headers = { ["content-type"] = "application/atom+xml" },
    markup = { "feed", { "title", "A & B" } } }
end)
s.route("GET", "/page", function()
  return { title = "A page", markup = { "h1", "Hello <you>" } }
end)
s.route("GET", "/document", function()
  return { markup = { "html", { "body", "whole" } } }
end)
s.route("GET", "/cookies", function()
  return { headers = { ["set-cookie"] = { "a=1", "b=2" }, ["x-n"] = 3,
    ["cache-control"] = "max-age=5" }, body = "" }
end)
s.route("GET", "/old", function()
  return { status = 301, headers = { location = s.url "/page" } }
end)

-- Answers that are none, one each.
local wrong = {
  nothing = function() end,
  text = function() return "text" end,
  number = function() return 3 end,
  status = function() return { status = 99 } end,
  status_text = function() return { status = "200" } end,
  two = function() return { body = "x", json = {} } end,
  unknown = function() return { staus = 200 } end,
  json = function() return { json = { f = print } } end,
  markup = function() return { markup = { "p", print } } end,
  event = function() return { markup = { "p", on_click = "x" } } end,
  header = function() return { headers = { ["x"] = "a\r\nb: c" } } end,
  header_name = function() return { headers = { ["x y"] = "a" } } end,
  header_type = function() return { headers = { x = true } } end,
  header_list = function() return { headers = { x = { {} } } } end,
  headers = function() return { headers = 3 } end,
  title = function() return { title = 3 } end,
  body = function() return { body = 3 } end,
  throw = function() error "thrown" end,
  throw_table = function() error { code = 7 } end,
  await = function() return { body = s.await(s.confirm "?") } end,
  sleep = function() s.sleep(1) return { body = "" } end,
  loop = function() while true do end end,
}
for name, fn in pairs(wrong) do s.route("GET", "/wrong/" .. name, fn) end

-- Hooks.

local seen = 0
s.before(function(req)
  seen = seen + 1
  req.user = req.query.as
  if req.headers["x-hook"] == "throw" then error "hook" end
  if req.headers["x-hook"] == "number" then return 3 end
end)
s.before(function(req)
  if req.headers["x-hook"] == "refuse" then
    return { status = 403, body = "Not today: " .. req.method .. " " .. req.path }
  elseif req.headers["x-hook"] == "login" then
    return { status = 303, headers = { location = "/page" } }
  end
end)
s.before(function(req)
  if req.path == "/nowhere" then return { status = 404, body = "custom" } end
end)
s.route("GET", "/seen", function(req)
  return { json = { seen = seen, user = req.user } }
end)

local files = os.getenv "SPEC_FILES"
if files then
  s.static("/files", files)
  s.static("/aged", files, { max_age = 60 })
  s.static("/", files .. "/sub") -- what nothing else answers
end

-- What a failing app says of it.
s.component("spec/throws", {
  render = function() return { "button", on_click = "go", "go" } end,
  on = { go = function() error { code = 8 } end },
})
s.mount("/throws", "spec/throws")
if os.getenv "SPEC_ON_ERROR" then
  s.config { on_error = function(err, info)
    if os.getenv "SPEC_ON_ERROR" == "throws" then error "again" end
    local code = type(err) == "table" and err.code
    return { "b", "Our fault ", code, " in ", info.where, "; ", info.component,
      info.path, info.message and " told" }
  end }
end

-- A login.
local function button(event) return { "button", on_click = event, event } end
s.mount("/login", s.component("spec/login", {
  init = { n = 0 },
  render = function(self)
    if self.bad then error "it fails when it is drawn" end
    return { "div", { "output", self.n }, button "login", button "fail",
      button "later", button "twice" }
  end,
  on = {
    login = function(self) self.n = self.n + 1; s.renew_session() end,
    fail = function(self) s.renew_session(); self.bad = true end,
    later = function() s.after(0.01, "login") end,
    twice = function() s.renew_session(); return { "renew_session" } end,
  },
}))

-- What says that it is stopped, in the file that the spec names.
local function note(name)
  return function()
    local file = assert(io.open(os.getenv "SPEC_STOPPED", "a"))
    file:write(name, "\n")
    file:close()
  end
end
local Part = s.component("spec/part", {
  stop = note "part", render = function() return { "i" } end,
})
s.mount("/stops", s.component("spec/stops", {
  children = { part = Part },
  stop = note "whole",
  render = function(self)
    return { "div", { "output", self.n }, button "inc", s.slot "part" }
  end,
  init = { n = 0 },
  on = { inc = function(self) self.n = self.n + 1 end },
}))
