-- Every public function, called with each kind of wrong argument: it raises, names
-- itself, and blames the line that called it. A function that is new in `stube`
-- fails here until it has an entry.
local s = require "stube"
local drive = require "stube.drive"
local visit = require "spec.lua.visit"

-- One of each kind of value.
local kinds = {
  none = nil, boolean = true, number = 1.5, string = "\1", table = { "\1" },
  ["function"] = print, userdata = io.stdout,
  thread = coroutine.create(print),
}
local names = { "none", "boolean", "number", "string", "table", "function",
  "userdata", "thread" }

local it_value = s.component("args/it", {
  render = function() return {} end, on = { ev = function() end },
})

-- Arguments that are right, and for each place the kinds that are not refused
-- there. "any" takes everything. `says`: how a message names the function, when
-- not by its own name. A value that is of the right kind and wrong all the same
-- stands in `wrong`, as a list of arguments.
local any = "any"
local text = "string number table none" -- of a dialog
local embed = "string table" -- an id, an embed, a component; others are `wrong`
local entries = {
  -- components and flows
  component = { { "args/new", {} }, "", "",
    wrong = { { "none", {} }, { "args/", {} }, { "args/x", { no = 1 } },
      { "args/x", { on = 1 } }, { "args/x", { extends = "args/none" } } } },
  flow = { { "args/flow", print }, "", "table function", "function none",
    wrong = { { "none", print }, { "args/f", {} } } },
  embed = { { "args/it", {} }, "string table", "table none",
    wrong = { { {} } } },
  lookup = { { "args/it" }, "string table", wrong = { { {} } } },
  help = { { "args/it" }, "string table none", wrong = { { {} } } },
  where = { { "args/it" }, "string table", wrong = { { {} } } },

  -- markup
  raw = { { "<p>" }, "string number" },
  each = { { {}, print }, "table", "function" },
  slot = { { "a", { "ul" } }, "string number", "table none" },
  link = { { "/x", "x" }, "string", any },
  url = { { "/x", {} }, "string", "table none",
    wrong = { { "/x", { [1] = 2 } } } },
  list = { { {} }, "table none" },
  ref = { { "draft" }, "string", wrong = { { "" }, { "a b" }, { "$" },
    { "$ix3.draft" } } },
  event_url = { { { "ev", 3 } }, "string table", wrong = { { "nothing" }, { {} },
    { { "ev", to = "nowhere" } } } },

  -- waiting and effects: in a handler
  await = { { "args/it", {} }, embed, "table none",
    wrong = { { "args/none" }, { {} }, { "args/it", { slot = 3 } },
      { "args/it", { timeout = "x" } }, { "args/it", { slit = "x" } } } },
  sleep = { { 1 }, "number", wrong = { { -1 }, { 0 / 0 } } },
  receive = { { "t", 1 }, "string", "number none", wrong = { { "" } } },
  io = { { print }, "function", wrong = { { {} }, { { timeout = "x" }, print },
    { { slot = "x" }, print }, { print, io.stdout:lines() } } },
  background = { { print, 1 }, "function",
    "none boolean number string table function userdata",
    wrong = { { print, coroutine.create(print) } } },
  io_id = { {} },
  call = { { "args/it", "ev", {} }, embed, "string none", "table none",
    wrong = { { "args/none" }, { "args/it", "nothing" },
      { "args/it", "ev", { slot = 3 } }, { "args/it", "ev", { x = 1 } } } },
  become = { { "args/it" }, embed, wrong = { { "args/none" }, { {} } } },
  cancel = { { "a" }, "string none" },
  show = { { { "p" } }, any },
  back = { { 1 }, "number none", wrong = { { 1.5 }, { 99 } } },
  patch = { { { "p" }, {} }, any, "table none",
    wrong = { { { "p" }, { mode = "up" } }, { { "p" }, { selector = 3 } },
      { { "p" }, { selector = "a\rb" } } } },
  patch_signals = { { {} }, "table", wrong = { { { f = print } } } },
  execute_script = { { "1" }, "string" },
  history = { { "push", "/x?n=1" }, "", "", wrong = { { "pull", "/x" },
    { "push", "x" }, { "push", "//x" }, { "push", "http://x/" } } },
  scroll_to = { { "#x" }, "string", wrong = { { "" }, { "a\nb" }, { "a\rb" }, { "a\0b" } } },
  focus = { { "#x" }, "string", wrong = { { "" }, { "a\nb" }, { "a\rb" }, { "a\0b" } } },
  after = { { 1, "ev", 1, {} }, "number", "string", any, "table none",
    wrong = { { -1, "ev" }, { 0 / 0, "ev" }, { 1, "nothing" } } },
  send = { { "ix-1", "ev", 1 }, "string", "string",
    "none boolean number string table",
    wrong = { { "nowhere", "ev" }, { "ix-1", "nothing" } } },
  subscribe = { { "t", "ev" }, "string", "string", wrong = { { "t", "nothing" },
    { "", "ev" } } },
  unsubscribe = { { "t" }, "string none" },
  publish = { { "t", 1 }, "string", "none boolean number string table", wrong = { { "", 1 },
    { "t", print }, { "t", io.stdout } } },
  publish_local = { { "t", 1 }, "string", "none boolean number string table",
    wrong = { { "", 1 },
    { "t", print } } },
  perform = { { { "isolate" } }, "table", wrong = { { { "nothing" } }, { {} },
    { { "await", "args/it" } } } },
  answer = { { 1 }, any },
  answer_error = { { 1 }, any },
  finish = { { 1 }, any },
  isolate = { {} },
  renew_session = { {} },
  conversation_id = { {} }, id = { {} }, parent = { {} }, context = { {} },
  principal = { {} }, mounts = { {} },

  -- conversations, atoms
  conversation = { { "AAAAAAAA" }, "string", wrong = { { "" }, { "A" } } },
  spawn = { { "args/it", {} }, embed, "table none",
    wrong = { { "args/none" }, { {} }, { "args/it", { cna = {} } },
      { "args/it", { can = "io" } }, { "args/it", { can = { "oi" } } },
      { "args/it", { can = { 1 } } }, { "args/it", { can = { io = true } } },
      { "args/it", { owner = true } }, { "args/it", { owner = {} } },
      { "args/it", { owner = { cid = "A" } } }, { "args/it", { title = 1 } },
      { "args/it", { principal = { print } } } } },
  conversations = { { ("A"):rep(30) }, "string none", wrong = { { {} } } },
  replay = { { "args/it", {}, {} }, embed, "table none", "table none",
    wrong = { { "args/none" }, { {} }, { "args/it", {}, { x = 1 } } } },
  atom = { { "args", 1 }, "string", any, wrong = { { "" },
    { "args/f", print } } },

  -- dialogs
  confirm = { { "?", {} }, text, "table none",
    wrong = { { "?", { yse = "x" } } } },
  prompt = { { "?", "x", {} }, text, "string number none", "table none",
    wrong = { { "?", nil, { ko = "x" } } } },
  choose = { { "?", { "a" }, {} }, text, "table", "table none",
    wrong = { { "?", { "a" }, { x = 1 } } } },
  info = { { "?", {} }, text, "table none",
    wrong = { { "?", { kay = "x" } } } },

  -- the app
  mount = { { "/args", "args/it", {} }, "string", embed, "table none",
    wrong = { { "x", "args/it" }, { "/args", "args/none" }, { "/args", {} },
      { "/args", "args/it", { title = 1 } }, { "/args", "args/it", { x = 1 } },
      { "/args", "args/it", { can = { "oi" } } },
      { "/args", "args/it", { back = 1 } }, { "/args", "args/it", { back = "" } } } },
  unmount = { { "/args" }, "string number" },
  route = { { "GET", "/args-r", print, {} }, "string", "string", "function",
    "table none", wrong = { { "get", "/x", print }, { "GET", "x", print },
      { "GET", "/args-r", print, { x = 1 } } } },
  static = { { "/args-s", "spec/lua", {} }, "string", "string", "table none",
    wrong = { { "x", "spec" }, { "/x", "spec/none" },
      { "/x", "spec", { x = 1 } } } },
  before = { { function() end }, "function" },
  config = { { {} }, "table", wrong = { { { x = 1 } }, { { port = "x" } },
    { { limits = 1 } } } },
  ["log.debug"] = { { "args", {} }, "string number", "table none" },
  ["log.info"] = { { "args", {} }, "string number", "table none" },
  ["log.warn"] = { { "args", {} }, "string number", "table none" },
  ["log.error"] = { { "args", {} }, "string number", "table none" },
}

-- Those that would change what comes after them are called wrongly only.
local never_rightly = {
  await = true, sleep = true, receive = true, io = true, answer = true, finish = true,
  answer_error = true, become = true, back = true, before = true, static = true,
  route = true, renew_session = true, call = true, show = true, replay = true,
}

--- Calls it from a line that is known; the message, or nil when it did not raise.
local function call(name, args)
  local caller = assert(load("local s, a = ...\ns." .. name
    .. "(table.unpack(a, 1, a.n))\nreturn", "@caller.lua"))
  local ok, e = pcall(caller, s, args)
  return not ok and e or nil
end

--- All that is wrong with how it refuses.
local function complaint(name, args, what)
  local message = call(name, args)
  if not message then return ("%s takes %s"):format(name, what) end
  if type(message) ~= "string" or not message:find "^caller%.lua:2: " then
    return ("%s, %s, does not blame its caller: %s"):format(name, what,
      tostring(message))
  end
  local own = name:match "[%w_]+$"
  if not message:find(own, 1, true) then
    return ("%s, %s, does not name itself: %s"):format(name, what, message)
  end
end

local function try(name)
  local entry, found = entries[name], {}
  local right = entry[1]
  local function add(e) found[#found + 1] = e end
  if not never_rightly[name] then
    local e = call(name, { n = #right, table.unpack(right) })
    if e then add(name .. " refuses what is right: " .. tostring(e)) end
  end
  for place = 1, #entry - 1 do
    for _, kind in ipairs(names) do
      if entry[1 + place] ~= any
        and not (" " .. entry[1 + place] .. " "):find(" " .. kind .. " ", 1, true)
      then
        local args = { n = #right, table.unpack(right) }
        args[place], args.n = kinds[kind], math.max(args.n, place)
        add(complaint(name, args, ("a %s as #%d"):format(kind, place)))
      end
    end
  end
  for i, wrong in ipairs(entry.wrong or {}) do
    local args = { n = 4, table.unpack(wrong, 1, 4) }
    add(complaint(name, args, "the wrong arguments " .. i))
  end
  return found
end

describe("each public function", function()
  it("has an entry here", function()
    for name, value in pairs(s) do
      local meta = getmetatable(value)
      if type(value) == "function" or type(meta) == "table" and meta.__call then
        assert.is_table(entries[name], name .. " has none")
      end
    end
    for name in pairs(s.log) do assert.is_table(entries["log." .. name]) end
  end)

  it("is given components as ids, as values and as embeds", function()
    s.mount("/args", it_value)
    s.mount("/args", it_value { n = 1 })
    s.unmount "/args"
    assert.equal("args/it", s.embed(it_value).type)
  end)

  -- Then nobody's line is to blame, and the message is all there is.
  it("that waits names itself, and the option, inside pcall too", function()
    local found = {}
    local function refuses(says, f, ...)
      local ok, e = pcall(f, ...)
      if ok or e ~= says then found[#found + 1] = tostring(e) end
    end
    s.component("args/waits", {
      render = function() return { "button", on_click = "go", "go" } end,
      on = { go = function()
        refuses('s.await: there is no option "slit" (slot, timeout)',
          s.await, it_value, { slit = 1 })
        refuses("s.await: the option slot must be a string, not a boolean",
          s.await, it_value, { slot = true })
        refuses("s.await: the option timeout: a number of seconds is wanted, not a string",
          s.await, it_value, { timeout = "1" })
        refuses("s.await: the option timeout: seconds cannot be -1.0",
          s.await, it_value, { timeout = -1 })
        refuses("s.await: options are a table, not a number", s.await, it_value, 1)
        refuses("s.receive: the timeout: a number of seconds is wanted, not a table",
          s.receive, "t", {})
        refuses("s.sleep: a number of seconds is wanted, not a nil", s.sleep)
        found[#found + 1] = "all"
      end },
    })
    visit("args/waits"):click "go"
    assert.equal("all", table.concat(found, "\n"))
  end)

  for name in pairs(entries) do
    it("refuses wrong arguments in its caller's name: " .. name, function()
      local found
      s.component("args/tries", {
        render = function() return { "button", on_click = "go", "go" } end,
        on = { go = function() found = try(name) end, ev = function() end },
      })
      drive.log(false)
      visit("args/tries"):click "go"
      drive.advance(0) -- what it spawned begins now, and not in other specs
      drive.log(true)
      assert.equal("", table.concat(found, "\n"))
    end)
  end
end)
