--- Atoms: durable values that all conversations share.
---
--- An atom is a name and nothing else; its value lives in the store. So one that a
--- conversation holds is saved as that name.

local check = require "stube.check"
local kernel = require "stube.kernel"

---@class stube.Atom
---@field name string
local Atom = { __name = "stube.atom" }
Atom.__index = Atom

--- Its value: a copy for this turn, which changes nothing. Who asks while it is
--- drawn, or in `children`, is drawn again when the value changes.
---@return any value
Atom.get = kernel.atom_get

--- Changes it. The function gets a copy and returns the new value, or nothing if it
--- changed the copy; it may not wait. The change is kept with the turn, and undone
--- when the turn fails. Raises while scripts load, in `render` and its kin, and for what
--- is no plain value.
--- ```lua
--- votes:update(function(v) v.yes = v.yes + 1 end)
--- ```
---@param change fun(value: any): any
---@return any value the new one
Atom.update = kernel.atom_update

--- Gives it another value.
---@param value any plain values, no functions
Atom.set = kernel.atom_set

--- From now on the calling instance gets `event` with the new value whenever it has
--- changed (once for several changes). Ends with the instance.
---@param event string
Atom.watch = kernel.atom_watch

--- The durable value of this name, which all conversations share; `initial` is what it
--- is until somebody sets it. At file level, so that `initial` is known from the start.
--- ```lua
--- local votes = s.atom("poll/votes", { yes = 0, no = 0 })
--- ```
---@param name string
---@param initial? any plain values, 256 KiB at most
---@return stube.Atom atom
return function(name, initial)
  check.type("atom: name", name, "string", 2)
  check.call(2, kernel.atom_open, name, initial)
  return setmetatable({ name = name }, Atom)
end
