std = "lua54"
codes = true
max_line_length = 100
files["spec/lua"] = { std = "lua54+busted" }
files["spec/c"] = { ignore = { "." } }
files["tools"] = { globals = { "arg" } }
files["tools/bench/children.lua"] = { std = "lua54+busted" }
files["tools/bench/publish.lua"] = { std = "lua54+busted" }
