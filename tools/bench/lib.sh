# What the benchmark's scripts share: building, servers, measurements and medians, the
# table. They source it after setting `build`, from the project's root.
out=$build/bench
here=tools/bench
load=$out/load
began=$SECONDS
mkdir -p "$out"
export LC_ALL=C # numbers with points, text in its bytes' order

say() { printf 'bench: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# --- building -----------------------------------------------------------------
compile() { # program, then sources and libraries
  local program=$1
  shift
  ${CC:-cc} -std=c11 -D_GNU_SOURCE -g -O2 -Wall -Wextra -Wshadow -Wconversion \
    -Wstrict-prototypes -Wmissing-prototypes -Isrc -Itools/client \
    -isystem build/lua/src -isystem /usr/share/include/llhttp \
    -o "$out/$program" "$@"
}
everything=(-Wl,--start-group "$build"/lib*.a -Wl,--end-group
  -luv -llmdb -lsodium -ljansson -lm -ldl -lpthread)
compile_load() {
  compile load $here/{load,stretch,crowd,sleepers,people,visit,measure}.c \
    tools/client/*.c "$build/libbase.a" -lsodium
}

# --- servers ------------------------------------------------------------------
declare -A pid port
end() { # pid: asks it to end, insists after 10 s; its exit code
  local i
  kill "$1" 2>/dev/null || true
  for ((i = 0; i < 100; i++)); do
    kill -0 "$1" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$1" 2>/dev/null || true
  wait "$1"
}
finish() {
  local p
  for p in "${pid[@]}"; do end "$p" || true; done
}
trap finish EXIT
trap 'exit 130' INT TERM

start() { # name, command...
  local name=$1 i
  shift
  : >"$out/$name.out" # the last one's port is not to be read
  "$@" >"$out/$name.out" 2>"$out/$name.err" &
  pid[$name]=$!
  for ((i = 0; i < 100; i++)); do
    port[$name]=$(sed -n 's/.*listening on http:.*:\([0-9]*\)$/\1/p' "$out/$name.out")
    [ -z "${port[$name]}" ] || return 0
    kill -0 "${pid[$name]}" 2>/dev/null || break
    sleep 0.1
  done
  cat "$out/$name.out" "$out/$name.err" >&2
  die "$name does not start"
}
stop() { # name
  local code=0
  end "${pid[$1]}" || code=$?
  unset "pid[$1]"
  [ $code = 0 ] || die "$1 ended with $code after SIGTERM"
}

# --- measurements ---------------------------------------------------------------
# Every one is a line `label kind key=value...` in runs.
measure() { # label, server, mode, options...: sets line
  local label=$1 name=$2 mode=$3
  shift 3
  if ! line=$("$load" "$mode" --port "${port[$name]}" --pid "${pid[$name]}" "$@"); then
    tail -5 "$out/$name.err" >&2
    die "$label failed with ${name%-*}"
  fi
  line="$label ${name%-*} $line"
}
# Whether other programs took more than a tenth of a CPU meanwhile.
was_disturbed() { ! awk -F 'others_cpu=' 'NF > 1 && $2 + 0 > 0.1 { exit 1 }' <<<"$*"; }
again=40 # measurements that may be repeated for that, in all

values() { # label, kind, key
  awk -v label="$1" -v server="$2" -v key="$3" '
    $1 == label && $2 == server {
      for (i = 3; i <= NF; i++) if (index($i, key "=") == 1) print substr($i, length(key) + 2)
    }' "$runs"
}
median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'; }
value() { values "$@" | median; }
spread() { values "$@" | sort -g | sed -n '1p;$p' | paste -sd' '; }
# Of neighbours in time, so that a machine that is slower for a while slows both.
ratio() { # label, key
  paste -d' ' <(values "$1" stube "$2") <(values "$1" bare "$2") |
    awk 'NF == 2 && $2 > 0 { print $1 / $2 }' | median
}
most() { # key, labels...: of all kinds
  local key=$1 label
  shift
  for label; do
    values "$label" bare "$key"
    values "$label" stube "$key"
  done | sort -g | tail -1
}

# --- the table --------------------------------------------------------------------
title_width=38
human='
  function human(x,  t, whole, rest) {
    if (x == "") return "-"
    t = sprintf("%." digits "f", x)
    whole = t; rest = ""
    if (index(t, ".")) { whole = substr(t, 1, index(t, ".") - 1); rest = substr(t, index(t, ".")) }
    while (match(whole, /[0-9][0-9][0-9][0-9]($|,)/))
      whole = substr(whole, 1, RSTART) "," substr(whole, RSTART + 1)
    return whole rest
  }'
commas() { awk -v x="$1" "$human"' BEGIN { print human(x) }'; }
row() { # title, label, key, digits, goal
  local s b
  s=$(value "$2" stube "$3")
  b=$(value "$2" bare "$3")
  [ -n "$s" ] || die "no $3 of $2"
  read -r low high <<<"$(spread "$2" stube "$3")"
  awk -v title="$1" -v s="$s" -v b="$b" -v ratio="$(ratio "$2" "$3")" -v low="$low" -v high="$high" -v digits="$4" \
    -v goal="${5:-}" -v width=$title_width '
'"$human"'
    BEGIN {
      ratio = ratio == "" ? "-" : sprintf("%.2f", ratio)
      if (goal ~ /^[0-9.]+$/) goal = human(goal)
      printf "%-" width "s %10s %10s %8s %21s %9s\n", title, human(s), human(b), ratio,
        human(low) " .. " human(high), goal
    }'
}
header_number() { awk -v name="$2" '$2 == name { print $3; exit }' "$1"; }
conditions() { # the machine and what it runs
  local uv=/usr/include/uv/version.h lua
  lua=$(awk '/define LUA_VERSION_(MAJOR|MINOR|RELEASE)[ \t]/ { gsub(/"/, "", $3); v = v sep $3; sep = "." }
    END { print v }' build/lua/src/lua.h)
  echo "CPU        $(sed -n 's/^model name[^:]*: //p;T;q' /proc/cpuinfo), $(nproc) cores, load generator on the same"
  echo "kernel     $(uname -r)"
  echo "compiler   $(${CC:-cc} --version | head -1)"
  echo "libraries  Lua $lua, libuv $(header_number $uv UV_VERSION_MAJOR).$(header_number $uv UV_VERSION_MINOR).$(header_number $uv UV_VERSION_PATCH)$*"
  echo "revision   $(git describe --always --dirty 2>/dev/null || echo none)"
}
finish_table() { # most that others used; where every run is
  if awk -v n="$1" 'BEGIN { exit !(n > 0.1) }'; then
    say "other programs used up to $1 CPUs: run it again when the machine is quiet"
  fi
  say "took $((SECONDS - began)) s; every run is in $runs"
}
