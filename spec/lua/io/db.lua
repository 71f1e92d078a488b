-- A database behind a blocking C library, one connection a worker.
local sqlite = require "luasql.sqlite3"

local M = {}
local connections = {}

local function open(path)
  if not connections[path] then
    connections[path] = assert(assert(sqlite.sqlite3()):connect(path))
  end
  return connections[path]
end

local function run(path, sql) return assert(open(path):execute(sql)) end

function M.create(path) run(path, "create table orders (what text, amount integer)") end

function M.add(path, order)
  local db = open(path)
  return run(path, ("insert into orders values ('%s', %d)"):format(
    db:escape(order.what), order.amount))
end

--- Adds one within a transaction, while which another thing is waited for.
function M.add_slowly(path, order, meanwhile, ...)
  run(path, "begin exclusive")
  M.add(path, order)
  local got = meanwhile(...)
  run(path, "commit")
  return got
end

function M.all(path)
  local rows = {}
  local cursor = run(path, "select what, amount from orders order by amount")
  local row = cursor:fetch({}, "a")
  while row do
    rows[#rows + 1] = { what = row.what, amount = math.tointeger(row.amount) }
    row = cursor:fetch({}, "a")
  end
  cursor:close()
  return rows
end

function M.wrong(path) run(path, "select nosuch") end

--- The connection itself, which is this worker's.
function M.connection(path) return open(path) end

return M
