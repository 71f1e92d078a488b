-- Definitions with ids of their own, that a spec makes as it goes:
-- `local define = require "spec.lua.define" "topic"`, each spec with its own prefix.
local drive = require "stube.drive"
local s = require "stube"

--- The helpers of one spec; its ids are "spec/<prefix>1" and on.
return function(prefix)
  local define, serial = {}, 0

  --- An id that nobody has.
  function define.id()
    serial = serial + 1
    return "spec/" .. prefix .. serial
  end

  --- What was defined is the host's, as if a load had made it.
  local function collected(made)
    drive.collect()
    return made
  end

  function define.component(definition)
    return collected(s.component(define.id(), definition))
  end

  --- flow([definition], body), as s.flow.
  function define.flow(...)
    return collected(s.flow(define.id(), ...))
  end

  function define.button(event, label)
    return { "button", on_click = event, label or event }
  end

  return define
end
