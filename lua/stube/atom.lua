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
---@type fun(self: stube.Atom): any
Atom.get = kernel.atom_get

--- Changes it. The function gets a copy and returns the new value, or nothing if it
--- changed the copy; it may not wait. The change is kept with the turn, and undone
--- when the turn fails. Returns the new value.
---@type fun(self: stube.Atom, change: fun(value: any): any): any
Atom.update = kernel.atom_update

--- Gives it another value: plain values, no functions.
---@type fun(self: stube.Atom, value: any)
Atom.set = kernel.atom_set

--- From now on the calling instance gets `event` with the new value whenever it has
--- changed (once for several changes). Ends with the instance.
---@type fun(self: stube.Atom, event: string)
Atom.watch = kernel.atom_watch

--- The atom of this name; `initial` is its value until somebody sets it.
---@param name string
---@param initial? any plain values
---@return stube.Atom
return function(name, initial)
  check.type("atom: name", name, "string", 2)
  check.call(2, kernel.atom_open, name, initial)
  return setmetatable({ name = name }, Atom)
end
