-- s.config, the command line's options and limits, --show-config.
local s = require "stube"
local command = require "spec.lua.command"

local function refuses(text, config)
  local ok, e = pcall(s.config, config)
  assert.is_false(ok)
  assert.matches(text, e, 1, true)
end

describe("a setting", function()
  it("is known by name, or refused with the nearest", function()
    refuses('there is no setting "prot"; did you mean "port"?', { prot = 3 })
    refuses('no setting "limit"; did you mean "limits"?', { limit = {} })
    refuses('there is no limit "hat"; did you mean "hot"?',
      { limits = { hat = 3 } })
    refuses('no setting "xyzzy"', { xyzzy = 1 })
    refuses("settings have names", { 80 })
    refuses("limits have names", { limits = { 3 } })
  end)

  it("has a type, which the error names with the setting", function()
    refuses("port must be a whole number from 0 to 65535, not 65536",
      { port = 65536 })
    refuses('port must be a whole number from 0 to 65535, not "80"',
      { port = "80" })
    refuses("port must be a whole number from 0 to 65535, not 1.5",
      { port = 1.5 })
    refuses("port must be a whole number from 0 to 65535, not -1", { port = -1 })
    refuses("port must be a whole number from 0 to 65535, not a table",
      { port = {} })
    refuses("history must be a whole number from 0 to 1000, not 1001",
      { history = 1001 })
    refuses("io_workers must be a whole number from 1 to 256, not 0", { io_workers = 0 })
    refuses("host must be a text of 1 to 255 bytes, not 127", { host = 127 })
    refuses('host must be a text of 1 to 255 bytes, not ""', { host = "" })
    refuses("host must be a text", { host = "a\0b" })
    refuses("title must be a text", { title = ("x"):rep(256) })
    refuses("begins with a slash", { base_path = "x" })
    refuses("letters, digits", { base_path = "/a b" })
    refuses('durability must be full or relaxed, not "some"',
      { durability = "some" })
    refuses('log must be text or json, not "xml"', { log = "xml" })
    refuses("trust_proxy must be true or false, not 1", { trust_proxy = 1 })
    refuses("production must be true or false", { production = "yes" })
    refuses("context must be a function, not a table", { context = {} })
    refuses("principal must be a function", { principal = "ada" })
    refuses("store must be a folder, or memory, not a table", { store = {} })
    refuses("item 2 is none", { metrics = { "10.0.0.0/8", "10.0.0.0/33" } })
    refuses("item 1 is none", { metrics = { 10 } })
    refuses("metrics must be true, false, or a list", { metrics = "10.0.0.1" })
    refuses("limits must be a table, not a number", { limits = 3 })
    refuses("table expected", "port")
  end)

  it("is refused at the line that called s.config", function()
    local ok, e = pcall(function() s.config { port = "x" } end)
    assert.is_false(ok)
    assert.matches("^spec/lua/settings_spec%.lua:%d+: config: port must be", e)
  end)

  it("that is wrong leaves the same one to tell of, whatever the order",
    function()
      for _ = 1, 5 do
        refuses("port must be", { title = 3, port = "x", host = 4, history = -1 })
      end
    end)
end)

-- Each limit's smallest and largest value, as numbers for s.config.
local K, M = 1024, 1024 * 1024
local ranges = {
  event_body = { K, 64 * M }, request_line = { 256, 64 * K },
  header_bytes = { K, 256 * K }, headers = { 10, 1000 },
  header_time = { 1, 600 }, body_idle = { 1, 600 }, keep_alive = { 1, 3600 },
  pipelined = { 1, 1000 }, connections = { 1, 1000000 },
  connections_per_address = { 1, 1000000 }, stream_unsent = { 64 * K, 256 * M },
  events_waiting = { 1, 10000 }, event_rate = { 0, 1000000 }, turn_cpu = { 0.01, 60 },
  blocked = { 2, 86400 },
  turn_memory = { M, 4096 * M }, state = { 4 * K, 64 * M },
  history_bytes = { 0, 64 * M }, hot = { 1, 1000000 },
  provisional = { 1, 10000000 }, provisional_time = { 10, 30 * 86400 },
  io_waiting = { 1, 100000 }, io_pending = { 1, 64 }, io_time = { 0.01, 30 * 86400 },
  io_memory = { M, 65536 * M }, io_call = { K, M }, io_result = { K, 64 * M },
}

describe("a limit", function()
  -- In a process of its own: these here would change the other specs' host.
  it("takes its smallest and its largest value, and nothing beyond", function()
    local lines = { 'local s = require "stube"' }
    local function add(text, ...) lines[#lines + 1] = text:format(...) end
    for name, range in pairs(ranges) do
      for _, v in ipairs(range) do add("s.config{limits={%s=%s}}", name, v) end
      add("assert(not pcall(s.config,{limits={%s=%s}}), %q)", name,
        range[1] - (math.type(range[1]) == "integer" and 1 or 0.001), name)
      add("assert(not pcall(s.config,{limits={%s=%s}}), %q)", name,
        range[2] + 1, name)
    end
    local said, code = command.app(table.concat(lines, "\n"), "--store",
      "memory", "--show-config")
    assert.equal(0, code, said)
    local shown = 0
    for name in said:gmatch "limits%.([%w_]+)" do
      shown = shown + 1
      assert.is_table(ranges[name], name)
    end
    local known = 0
    for _ in pairs(ranges) do known = known + 1 end
    assert.equal(known, shown)
  end)

  it("refuses what is no number", function()
    refuses('limits.hot must be a whole number from 1 to 1000000, not "10"',
      { limits = { hot = "10" } })
    refuses('limits.state must be a number of bytes, or a text such as "8M", '
      .. 'from 4K to 64M, not "8X"', { limits = { state = "8X" } })
    refuses("limits.state must be a number of bytes", { limits = { state = "" } })
    refuses("limits.state", { limits = { state = "99999999999999999999" } })
    refuses("limits.turn_cpu must be a number of seconds, from 10ms to 1m, "
      .. "not 0.001", { limits = { turn_cpu = 0.001 } })
    refuses("limits.turn_cpu", { limits = { turn_cpu = 0 / 0 } })
    refuses("limits.turn_cpu", { limits = { turn_cpu = math.huge } })
    refuses("limits.turn_cpu", { limits = { turn_cpu = "1s" } })
  end)
end)

describe("--show-config", function()
  local app = 'require("stube").config { title = "Shop", port = 1, '
    .. 'metrics = { "10.0.0.0/8", "fd00::17" }, limits = { state = "1M" } }'

  it("prints each setting with its value and where it came from (16.6)", function()
    local said, code = command.app(app .. "require('stube').config{context="
      .. "function() end}", "--store", "memory", "--port", "2",
      "--limit", "turn_cpu=2s", "--show-config")
    assert.equal(0, code, said)
    local function is(name, value, source)
      assert.matches("\n?" .. name .. " +" .. value .. " +" .. source .. "\n",
        said)
    end
    is("port", "2", "command line") -- wins over the script
    is("title", "Shop", "script")
    is("limits%.state", "1M", "script")
    is("limits%.turn_cpu", "2s", "command line")
    is("limits%.turn_memory", "64M", "default")
    is("metrics", "10%.0%.0%.0/8,fd00::17", "script")
    is("durability", "full", "default")
    is("context", "%S+:1", "script")
    is("principal", "none", "default")
  end)

  it("shows values that the command line takes back", function()
    local said = command.app(app, "--store", "memory", "--show-config")
    local words = { "--store", "memory" }
    for name, value in said:gmatch "limits%.(%S+) +(%S+)" do
      words[#words + 1] = "--limit"
      words[#words + 1] = name .. "=" .. value
    end
    for name, value in said:gmatch "\n(%l+) +(%S+)" do
      if name ~= "store" and name ~= "production" and value ~= "none" then
        words[#words + 1] = "--" .. name
        words[#words + 1] = value
      end
    end
    words[#words + 1] = "--show-config"
    local again, code = command.app(app, table.unpack(words))
    assert.equal(0, code, again)
    local function values(text)
      return (text:gsub(" +default\n", "\n"):gsub(" +script\n", "\n")
        :gsub(" +command line\n", "\n"))
    end
    assert.equal(values(said), values(again))
  end)

  it("of a script that fails is the failure", function()
    local said, code = command.app("error 'no'", "--store", "memory",
      "--show-config")
    assert.equal(1, code)
    assert.matches("could not be loaded", said, 1, true)
  end)
end)

describe("the command line", function()
  local function wrong(text, ...)
    local said, code = command.stube(...)
    assert.equal(2, code, said)
    assert.matches(text, said, 1, true)
  end

  it("refuses what it does not know, with the nearest", function()
    wrong("there is no option --prot; did you mean --port?", "a.lua", "--prot")
    wrong('there is no limit "hat"; did you mean "hot"?', "a.lua", "--limit",
      "hat=3")
    wrong("a value is missing after --port", "a.lua", "--port")
    wrong("--limit takes NAME=VALUE", "a.lua", "--limit", "hot")
    wrong("one app at a time, not also b.lua", "a.lua", "b.lua")
    wrong("which app?", "--prod")
  end)

  it("refuses a value of the wrong kind, and says which it takes", function()
    wrong('--port takes a whole number from 0 to 65535, not "65536"', "a.lua",
      "--port", "65536")
    wrong('--port takes', "a.lua", "--port", "-1")
    wrong('--port takes', "a.lua", "--port", "")
    wrong("--store-max takes a number of bytes, or of K, M, G or T, from 1 to "
      .. '1T, not "2T"', "a.lua", "--store-max", "2T")
    wrong('--store-max takes', "a.lua", "--store-max", "8GG")
    wrong('--store-max takes', "a.lua", "--store-max", "0")
    wrong('--durability takes full or relaxed, not "half"', "a.lua",
      "--durability", "half")
    wrong("--metrics takes all, nobody", "a.lua", "--metrics", "10.0.0.1,,::1")
    wrong("item 2 is none", "a.lua", "--metrics", "10.0.0.1,,::1")
    wrong("limits.turn_cpu takes a time such as 90s, 15m, 12h or 30d, from "
      .. '10ms to 1m, not "2h"', "a.lua", "--limit", "turn_cpu=2h")
    wrong("limits.turn_cpu takes", "a.lua", "--limit", "turn_cpu=1w")
    wrong("--base-path takes a path that begins with a slash", "a.lua",
      "--base-path", "x")
  end)

  it("explains every option", function()
    local said, code = command.stube "help"
    assert.equal(0, code)
    for _, option in ipairs { "--port N", "--host ADDRESS", "--base-path /X",
      "--store DIR", "--store-max N", "--durability full|relaxed", "--prod",
      "--trust-proxy", "--log text|json", "--metrics LIST", "--title TEXT",
      "--history N", "--io-workers N", "--conversation-ttl TIME", "--reaper-interval TIME",
      "--limit NAME=VALUE", "--show-config" } do
      assert.matches("\n  " .. option, said, 1, true)
    end
    assert.matches("(127.0.0.1)", said, 1, true)
  end)
end)

describe("the store's folder", function()
  it("may be named by the script, and is made when the app is served", function()
    local folder = os.tmpname()
    os.remove(folder)
    local app = ('require("stube").config { store = %q }'):format(folder)
    local said, code = command.app(app, "--show-config")
    assert.equal(0, code)
    assert.matches("store +" .. folder:gsub("%p", "%%%0") .. " +script", said)
    assert.is_nil(io.open(folder .. "/key"))
  end)

  it("is not made when the script fails", function()
    command.with_file("error 'no'", function(path)
      local _, code = command.stube(path)
      assert.equal(1, code)
      assert.is_nil(io.open(path:match "(.*)/" .. "/.stube/key"))
    end)
  end)
end)
