-- Chooses few of many fuzzer inputs: `lua tools/fewest.lua CONTROL_FILE` reads what
-- libFuzzer wrote with -merge_control_file and prints names, the most telling first,
-- until the next one would add less than GAIN to all that is reached.
local GAIN = 6

local lines = io.lines(arg[1])
local n = tonumber(lines())
lines() -- how many of them were in the first folder
local names, reached = {}, {}
for i = 1, n do names[i] = lines() end
for line in lines do
  local i, features = line:match("^FT (%d+)(.*)$")
  if i then
    local list = {}
    for feature in features:gmatch("%d+") do list[#list + 1] = feature end
    reached[i + 1] = list
  end
end

local have = {}
while true do
  local best, most = nil, GAIN - 1
  for i, list in pairs(reached) do
    local gain = 0
    for _, feature in ipairs(list) do
      if not have[feature] then gain = gain + 1 end
    end
    if gain > most or gain == most and best and names[i] < names[best] then
      best, most = i, gain
    end
  end
  if not best then break end
  for _, feature in ipairs(reached[best]) do have[feature] = true end
  print(names[best])
  reached[best] = nil
end
