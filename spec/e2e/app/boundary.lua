-- What hooks say to a page that is open, as the browser shows it.
local s = require "stube"

local refuses, sends_away = false, false

s.mount("/page", s.component("spec/page", {
  init = { n = 0 },
  render = function(self)
    return { "section", { "h1", "A page" }, { "output", self.n },
      { "button", on_click = "inc", "+1" } }
  end,
  on = { inc = function(self) self.n = self.n + 1 end },
}))
s.route("GET", "/login", function()
  return { title = "Login", markup = { "h1", "Please sign in" } }
end)
s.route("POST", "/set", function(req)
  refuses, sends_away = req.json.refuses, req.json.sends_away
  return { status = 204 }
end)
s.before(function(req)
  if not req.path:find "^/conv/" then return end
  if sends_away then
    return { status = 303, headers = { location = s.url "/login" } }
  end
  if refuses and req.method == "POST" then
    return { status = 403, body = "This shop is closed until nine." }
  end
end)

-- A login, at once and after a while.
s.mount("/login-page", s.component("spec/login", {
  init = { n = 0 },
  render = function(self)
    return { "section", { "h1", "Shop" }, { "output", self.n },
      { "button", on_click = "inc", "+1" }, { "button", on_click = "login", "Log in" },
      { "button", on_click = "later", "Log in later" } }
  end,
  on = {
    inc = function(self) self.n = self.n + 1 end,
    login = function(self) self.n = self.n + 10; s.renew_session() end,
    later = function() s.after(0.05, "login") end,
  },
}))
