--- What fills a disk: counters that can carry a large text that does not compress.
local s = require "stube"

local function noise()
  local pieces = {}
  for i = 1, 6000 do pieces[i] = ("%016x"):format(math.random(0)) end
  return table.concat(pieces)
end

s.mount("/", s.component("disk/counter", {
  init = { count = 0, text = "" },
  render = function(self)
    return { "form", on_submit = "give", { "output", self.count },
      { "input", name = "how" }, { "button", "Give" } }
  end,
  on = {
    give = function(self, form)
      self.count = self.count + 1
      if form.how == "grow" then self.text = noise() end
      if form.how == "end" then s.finish() end
    end,
  },
}))
