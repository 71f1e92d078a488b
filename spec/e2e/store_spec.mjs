// `stube store ...`, beside a server and without one, on a store that was served.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync,
  writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { eventually, ROOT, test } from "./harness.mjs";
import { Visitor } from "./visitor.mjs";

/** Runs `stube store ARGS --store DIR`; text on both outputs, and the code. */
function store(dir, ...args) {
  const binary = path.resolve(ROOT, process.env.STUBE ?? "build/stube");
  const { status, stdout, stderr } = spawnSync(binary,
    ["store", ...args, "--store", dir], { encoding: "utf8" });
  return { code: status, out: stdout, err: stderr };
}

/** The same, which must do what it should. */
function store_ok(dir, ...args) {
  const done = store(dir, ...args);
  assert.equal(done.code, 0, done.err);
  assert.equal(done.err, "");
  return done.out;
}

/** Runs `body` with a server on a store in a folder of its own. */
async function with_store(t, body) {
  const dir = mkdtempSync(path.join(tmpdir(), "stube-"));
  const at = path.join(dir, "store");
  t.server.args = ["--store", at];
  try {
    await body(at, dir);
  } finally {
    await t.server.kill();
    rmSync(dir, { recursive: true });
  }
}

/** A store in `to` made of a database and the key of `from`. */
function restore(database, from, to) {
  mkdirSync(to, { mode: 0o700 });
  copyFileSync(database, path.join(to, "data.mdb"));
  copyFileSync(path.join(from, "key"), path.join(to, "key"));
}

test("a backup beside a server holds what it held then", (t) =>
  with_store(t, async (at, dir) => {
    const { server } = t;
    const visitor = await new Visitor(server).begin("/guess");
    await visitor.give({ answer: "1000" });
    assert.match(visitor.text, /Attempt 1/);
    const file = path.join(dir, "backup");
    assert.match(store_ok(at, "backup", file), /: 1 conversations, /);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    await visitor.give({ answer: "1000" });
    await server.kill();
    const then = path.join(dir, "then");
    restore(file, at, then);
    server.args = ["--store", then];
    await visitor.look();
    assert.match(visitor.text, /Attempt 1/);
    await visitor.give({ answer: "1000" });
    assert.match(visitor.text, /Attempt 2/);
  }));

test("a backup replaces a file only by a whole one, and nothing but a file",
  (t) => with_store(t, async (at, dir) => {
    await new Visitor(t.server).begin("/guess");
    const file = path.join(dir, "backup");
    writeFileSync(file, "what was there");
    store_ok(at, "backup", file, "--within", "0");
    assert.notEqual(statSync(file).size, 14);
    const there = store(at, "backup", dir);
    assert.equal(there.code, 1);
    assert.match(there.err, /is no file: it stays as it is/);
    const nowhere = store(at, "backup", path.join(dir, "no", "backup"));
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.err, /No such file/);
  }));

test("a store is compacted while nobody serves it, and goes on", (t) =>
  with_store(t, async (at) => {
    const { server } = t;
    const visitor = await new Visitor(server).begin("/guess");
    await visitor.give({ answer: "1000" });
    const refused = store(at, "compact");
    assert.equal(refused.code, 1);
    assert.match(refused.err, /is in use by process \d+/);
    await server.kill();
    assert.match(store_ok(at, "compact"), /before, .* now\n$/);
    await visitor.look();
    assert.match(visitor.text, /Attempt 1/);
    await visitor.give({ answer: "1000" });
    await server.restart();
    await visitor.look();
    assert.match(visitor.text, /Attempt 2/);
  }));

test("ls has a line for each conversation, newest last", (t) =>
  with_store(t, async (at) => {
    const { server } = t;
    const visitors = [];
    for (const where of ["/guess", "/dialogs", "/guess"]) {
      const visitor = await new Visitor(server).begin(where);
      visitors.push(visitor);
      if (where === "/guess") await visitor.give({ answer: "1000" });
    }
    await visitors[2].give({ answer: "1000" });
    const lines = store_ok(at, "ls").trimEnd().split("\n");
    assert.equal(lines.length, 2, "who only looked is not kept");
    assert.match(lines[0], new RegExp(`^${visitors[0].cid} +2  \\d{4}-\\d\\d-\\d\\d ` +
      "\\d\\d:\\d\\d:\\d\\d +\\d+  demo/guess > ui/prompt$"));
    assert.match(lines[1], new RegExp(`^${visitors[2].cid} +3 `));
    const newest = store(at, "ls", "--limit", "1");
    assert.equal(newest.out, lines[1] + "\n");
    assert.match(newest.err, /1 of 2/);
    assert.equal(store_ok(at, "ls", "--limit", "0").split("\n").length, 3);
  }));

test("show has state and waiting code, also when the script is gone", (t) =>
  with_store(t, async (at, dir) => {
    const { server } = t;
    server.app = path.join(dir, "app.lua");
    writeFileSync(server.app, `local s = require "stube"
local rates = { eur = 1 }
s.mount("/sum", s.flow("spec/sum", function()
  local total, seen = 0, { last = "none", rates = rates }
  local function ask(text, ...)
    local n = tonumber(s.await(s.prompt(text, nil, { name = "n" })))
    seen.last = n
    return n
  end
  while true do
    local ok, n = pcall(ask, "After " .. total .. "?", "more")
    total = total + (ok and n or 0)
  end
end))
s.mount("/old", s.component("spec/old", {
  render = function() return { "form", on_submit = "go", { "button" } } end,
  on = { go = function(self) self.text = ("x"):rep(1000) end },
}))
`);
    const visitor = await new Visitor(server).begin("/sum");
    await visitor.give({ n: "7" });
    const old = await new Visitor(server).begin("/old");
    await old.give({});
    rmSync(server.app);
    for (const cid of [visitor.cid, visitor.cid.slice(0, 20)]) {
      const text = store_ok(at, "show", cid);
      assert.match(text, new RegExp(`^conversation ${visitor.cid}\n`));
      assert.match(text, /\n  turn     2\n/);
      assert.match(text, /\n  history  1 back, 0 forward\n/);
      assert.match(text, /\nix-1 spec\/sum\n/);
      assert.match(text, /\n  its body waits for ix-\d+\n    in await\n/);
      assert.match(text, /\n    app.lua:6 in .*\n      text = "After 7\?"\n/);
      assert.match(text, /\n      \.\.\. \(1\) = "more"\n/);
      assert.match(text, /\n    in pcall\n    app.lua:11 in .*\n      total = 7\n/);
      assert.match(text, /seen = { last = 7, rates = <app: local rates> }\n/);
      assert.match(text, /\n  ix-\d+ ui\/prompt, called by ix-1, shows\n/);
    }
    assert.match(store_ok(at, "show", old.cid),
      /text = "x{60}\.\.\." \(1000 bytes\)/);
    const several = store(at, "show", visitor.cid.slice(0, 4));
    assert.equal(several.code, 1);
    assert.match(several.err, /several conversations begin with/);
    for (const cid of ["AAAAAAAAAA", "!", visitor.cid + "A"])
      assert.equal(store(at, "show", cid).code, 1);
  }));

/** The offsets of the heads in a database: where their magic stands. */
function heads_in(bytes) {
  const found = [];
  for (let at = bytes.indexOf("STB1"); at >= 0; at = bytes.indexOf("STB1", at + 1))
    found.push(at);
  return found;
}

test("check reads all beside a server, and names what is damaged", (t) =>
  with_store(t, async (at, dir) => {
    const { server } = t;
    const visitors = [];
    for (let i = 0; i < 5; i++) {
      const visitor = await new Visitor(server).begin("/guess");
      for (let n = 0; n <= i; n++) await visitor.give({ answer: "1000" });
      visitors.push(visitor);
    }
    assert.match(store_ok(at, "check"),
      /^5 conversations, \d+ files of code, all sound\n$/);
    const file = path.join(dir, "backup");
    store_ok(at, "backup", file);
    const copy = path.join(dir, "copy");
    restore(file, at, copy);
    const database = path.join(copy, "data.mdb");
    const bytes = readFileSync(database);
    const [first] = heads_in(bytes);
    bytes[first + 100] ^= 1;
    writeFileSync(database, bytes);
    const done = store(copy, "check");
    assert.equal(done.code, 1);
    const named = /^conversation (\S+): its checksum is wrong$/m.exec(done.out);
    assert.ok(visitors.some((v) => v.cid === named[1]), done.out);
    assert.match(done.out, /^4 conversations, .*, 1 damaged/m);
    assert.deepEqual(readFileSync(database), bytes, "check changed something");
    assert.match(store(copy, "ls").err, /1 damaged/);
    // A key that is another's: every head is refused.
    writeFileSync(path.join(copy, "key"), Buffer.alloc(32, 7));
    assert.match(store(copy, "check").out, /^4 conversations, .*, 5 damaged/m);
    rmSync(path.join(copy, "key"));
    assert.match(store(copy, "check").err, /key is missing/);
  }));

test("no byte that is wrong brings a command down", (t) =>
  with_store(t, async (at, dir) => {
    const visitor = await new Visitor(t.server).begin("/guess");
    await visitor.give({ answer: "1000" });
    await t.server.kill();
    const copy = path.join(dir, "copy");
    const database = path.join(copy, "data.mdb");
    restore(path.join(at, "data.mdb"), at, copy);
    const bytes = readFileSync(database);
    let random = 12345;
    for (let i = 0; i < 100; i++) {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
      const wrong = Buffer.from(bytes);
      wrong[random % wrong.length] ^= 1 << (random >>> 29);
      writeFileSync(database, wrong);
      const done = store(copy, "check");
      assert.ok(done.code === 0 || done.code === 1,
        `byte ${random % wrong.length}: ${done.code}, ${done.err}`);
    }
  }));

/** The lines of an export. */
function lines_of(file) {
  return readFileSync(file, "utf8").trimEnd().split("\n").map((l) => JSON.parse(l));
}

function write_lines(file, lines) {
  writeFileSync(file, lines.map((l) => JSON.stringify(l) + "\n").join(""));
}

test("an export, made beside a server, goes on in a store of its own", (t) =>
  with_store(t, async (at, dir) => {
    const { server } = t;
    const visitor = await new Visitor(server).begin("/guess");
    for (let n = 1; n <= 3; n++) await visitor.give({ answer: "1000" });
    const other = await new Visitor(server).begin("/guess");
    await other.give({ answer: "" });
    const file = path.join(dir, "export");
    assert.match(store_ok(at, "export", file), /: 2 conversations\n$/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const lines = lines_of(file);
    const line = lines.find((l) => l.conversation === visitor.cid);
    assert.equal(line.turn, 4);
    assert.equal(line.frames, "demo/guess > ui/prompt");
    assert.deepEqual(lines.at(-1), { end: lines.length - 1 });
    const key = readFileSync(path.join(at, "key"));
    assert.ok(!readFileSync(file).includes(key.toString("base64").slice(0, 20)));
    // A line of a store's own format is of no use without its key.
    const to = path.join(dir, "to");
    assert.equal(store_ok(to, "import", file), "2 conversations\n");
    assert.equal(statSync(to).mode & 0o777, 0o700);
    assert.notDeepEqual(readFileSync(path.join(to, "key")), key);
    assert.match(store_ok(to, "check"), /^2 conversations, .*, all sound\n$/);
    await server.kill();
    server.args = ["--store", to];
    await visitor.look();
    assert.match(visitor.text, /Attempt 3/);
    await visitor.give({ answer: "1000" });
    assert.match(visitor.text, /Attempt 4/);
    const served = store(to, "import", file);
    assert.equal(served.code, 1);
    assert.match(served.err, /is in use by process \d+/);
    await server.kill();
    const again = store(to, "import", file);
    assert.equal(again.code, 1);
    assert.match(again.err, /it is there already, and stays as it is/);
    assert.equal(again.out, "0 conversations, 2 lines refused\n");
    await visitor.look();
    assert.match(visitor.text, /Attempt 4/);
  }));

test("timers, subscriptions and messages are shown, and go along", (t) =>
  with_store(t, async (at, dir) => {
    const { server } = t;
    server.app = path.join(dir, "app.lua");
    writeFileSync(server.app, `local s = require "stube"
s.mount("/later", s.component("spec/later", {
  init = { heard = 0 },
  start = function() s.subscribe("room", "said") end,
  render = function(self)
    return { "form", on_submit = "go", { "output", self.heard } }
  end,
  on = {
    go = function(self)
      s.after(3600, "ring")
      s.sleep(7200)
    end,
    ring = function() end,
    said = function(self, n) self.heard = self.heard + n end,
  },
}))
s.mount("/listen", s.flow("spec/listen", function()
  s.await(s.prompt("Begin?", nil, { name = "n" }))
  s.publish("room", 7)
  s.receive("lobby", 3600)
end))
`);
    const visitor = await new Visitor(server).begin("/later");
    await visitor.give({});
    const listener = await new Visitor(server).begin("/listen");
    await listener.give({ n: "1" });
    await eventually("the message has come", async () =>
      (await visitor.look()).text.startsWith("7"));
    const shown = store_ok(at, "show", visitor.cid);
    const time = "20\\d\\d-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC";
    assert.match(shown, new RegExp(`\n  a handler waits until ${time}\n    in sleep\n`));
    assert.match(shown, new RegExp(`\n  timer for "ring" at ${time}\n`));
    assert.match(shown, /\n  subscribes to "room" for "said"\n/);
    assert.match(store_ok(at, "show", listener.cid), new RegExp(
      `\n  its body waits for a message of "lobby" until ${time}\n    in receive\n`));
    const file = path.join(dir, "export"), to = path.join(dir, "to");
    store_ok(at, "export", file);
    store_ok(to, "import", file);
    // Their rows in the indexes too.
    assert.match(store_ok(to, "check"), /^2 conversations, .*, all sound\n$/);
    assert.equal(store_ok(to, "show", visitor.cid), shown);
    await server.kill();
    server.args = ["--store", to];
    const other = await new Visitor(server).begin("/listen");
    await other.give({ n: "1" });
    await eventually("another message has come", async () =>
      (await visitor.look()).text.startsWith("14"));
  }));

test("an import takes what is whole, and says what it refuses", (t) =>
  with_store(t, async (at, dir) => {
    const visitors = [];
    for (let i = 0; i < 3; i++) {
      const visitor = await new Visitor(t.server).begin("/guess");
      await visitor.give({ answer: "1000" });
      visitors.push(visitor);
    }
    const file = path.join(dir, "export");
    store_ok(at, "export", file);
    const whole = lines_of(file);
    const of = (lines, i) => lines.find((l) => l.conversation === visitors[i].cid);
    let n = 0;
    /** Imports `change(lines)` into a fresh store. */
    const attempt = (change) => {
      const lines = structuredClone(whole);
      write_lines(file, change(lines) ?? lines);
      const to = path.join(dir, `to-${++n}`);
      return { to, ...store(to, "import", file) };
    };
    // A state that is cut short, an id that is another's, base64 that is none.
    const bad = attempt((lines) => {
      const head = Buffer.from(of(lines, 0).head, "base64");
      of(lines, 0).head = head.subarray(0, -10).toString("base64");
      of(lines, 1).head = of(lines, 2).head;
    });
    assert.equal(bad.code, 1);
    assert.match(bad.out, /^1 conversations, 2 lines refused$/m);
    assert.match(bad.err, new RegExp(`line \\d+, ${visitors[0].cid}: `));
    assert.match(bad.err, new RegExp(`line \\d+, ${visitors[1].cid}: it is no conv`));
    assert.match(store_ok(bad.to, "check"), /^1 conversations, .*, all sound/);
    const none = attempt((lines) => { of(lines, 2).head = "!"; });
    assert.match(none.out, /^2 conversations, 1 lines refused$/m);
    // A past that does not lead to its present.
    const points = attempt((lines) => {
      of(lines, 0).history.push({ turn: 1, row: "AAAA" });
    });
    assert.match(points.out, /^2 conversations, 1 lines refused$/m);
    // Its code is not in the export.
    const bare = attempt((lines) => lines.filter((l) => !l.code));
    assert.match(bare.out, /^0 conversations, \d+ lines refused$/m);
    assert.match(bare.err,
      new RegExp(`line ${whole.indexOf(of(whole, 2)) + 1 - whole.filter((l) => l.code).length}, ${visitors[2].cid}: .*` +
        "component that is not defined: demo/guess"));
    const cut = attempt((lines) => lines.slice(0, -2));
    assert.equal(cut.code, 1);
    assert.match(cut.err, /is cut short: its last line is missing/);
    const newer = attempt((lines) => { lines[0].format = 2; });
    assert.match(newer.err, /was written by a newer stube/);
    const nothing = attempt(() => [{ hello: 1 }]);
    assert.match(nothing.err, /is no export of a store/);
    assert.equal(attempt(() => {}).code, 0);
  }));

test("a command that is wrong, or has no store, says so", (t) =>
  with_store(t, async (at) => {
    for (const [args, code, words] of [
      [["nonsense"], 2, /no command nonsense/],
      [["backup"], 2, /takes a FILE/],
      [["compact", "x"], 2, /takes no x/],
      [["backup", "x", "--limit", "-1"], 2, /takes a number/],
      [["backup", "x", "--lmit", "1"], 2, /no option --lmit/],
      [["backup", "x"], 1, /there is no store in .*store/],
      [["compact"], 1, /there is no store in .*store/],
    ]) {
      const done = store(at, ...args);
      assert.equal(done.code, code, args.join(" "));
      assert.match(done.err, words);
      assert.equal(done.out, "");
    }
  }));
