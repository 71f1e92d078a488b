// `stube store ...`, beside a server and without one, on a store that was served.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync,
  writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ROOT, test } from "./harness.mjs";

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

/** Without a browser: a page, its cookie, its events. */
class Visitor {
  constructor(server) { this.server = server; }

  async #take(res) {
    assert.equal(res.status, 200);
    const page = await res.text();
    this.cid = /data-stube-cid="([^"]+)"/.exec(page)[1];
    this.action = /action="([^"]+)"/.exec(page)?.[1].replaceAll("&amp;", "&");
    this.text = page.slice(page.indexOf("<div id=\"root\">"))
      .replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim();
    return this;
  }

  async begin(where) {
    const res = await fetch(await this.server.at(where));
    this.cookie = res.headers.get("set-cookie").split(";")[0];
    return this.#take(res);
  }

  async look() {
    return this.#take(await fetch(await this.server.at(`/conv/${this.cid}`),
      { headers: { Cookie: this.cookie } }));
  }

  async give(fields) {
    const res = await fetch(await this.server.at(this.action), {
      method: "POST",
      body: new URLSearchParams(fields),
      redirect: "manual",
      headers: { Cookie: this.cookie, "Sec-Fetch-Site": "same-origin" },
    });
    assert.equal(res.status, 303);
    return this.look();
  }
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
