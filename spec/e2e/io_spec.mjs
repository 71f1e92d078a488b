// s.io in a process that ends while a worker is blocked: on a pipe that nobody writes
// to, until the test does.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { button, eventually, is_saved, see, test, with_store } from "./harness.mjs";

class Outside {
  dir = mkdtempSync(path.join(tmpdir(), "stube-io-"));
  constructor() {
    execFileSync("mkfifo", [path.join(this.dir, "pipe")]);
  }

  /** Under which ids functions have run. */
  get ids() {
    const file = path.join(this.dir, "ids");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  }

  has_run(n) {
    return eventually(`it has run ${n} times`, () => this.ids.length >= n, 20_000);
  }

  /** Gives the reader its text; waits until there is one. */
  async say(text) {
    const pipe = await open(path.join(this.dir, "pipe"), "w");
    await pipe.write(text);
    await pipe.close();
  }
}

function with_outside(t, body) {
  t.server.app = "spec/e2e/app/io.lua";
  const outside = new Outside();
  t.cleanup(() => rmSync(outside.dir, { recursive: true }));
  return with_store(t, () => body(outside, `?dir=${encodeURIComponent(outside.dir)}`));
}

async function metric(server, name) {
  const text = await (await fetch(await server.at("/stube/metrics"))).text();
  return Number(text.split("\n").find((l) => l.startsWith(`stube_${name} `)).split(" ")[1]);
}

async function asks(t, outside, query, runs) {
  await button(t.page, "Ask").click();
  await see(t.page, "Asking ...");
  await outside.has_run(runs);
}

test("a call that waits in a worker runs again after kill -9, under the same id, "
  + "and its result counts once", (t) =>
  with_outside(t, async (outside, query) => {
    const { page, server } = t;
    await page.goto(await server.at("/ask" + query));
    await asks(t, outside, query, 1);
    await server.restart();
    await outside.has_run(2);
    await server.restart();
    await outside.has_run(3);
    await outside.say("once");
    await see(page, "Said: once (1)");
    const ids = outside.ids;
    assert.equal(new Set(ids).size, 1, ids.join(" "));
    // It is over for good, and the next one is another.
    await server.restart();
    await asks(t, outside, query, 4);
    await outside.say(" more");
    await see(page, "Said: once more (2)");
    assert.notEqual(outside.ids[3], ids[0]);
    assert.equal(outside.ids.length, 4);
    assert.equal(await metric(server, 'io_calls{state="running"}'), 0);
  }));

test("while all workers are blocked, everything else goes on", (t) =>
  with_outside(t, async (outside, query) => {
    const { page, context, server } = t;
    server.args = ["--io-workers", "1"];
    await page.goto(await server.at("/ask" + query));
    await asks(t, outside, query, 1);
    const other = await context.newPage();
    await other.goto(await server.at("/count"));
    for (let n = 1; n <= 3; n++) {
      await button(other, "+").click();
      await see(other, String(n));
    }
    assert.equal(await metric(server, 'io_calls{state="running"}'), 1);
    await outside.say("then");
    await see(page, "Said: then (1)");
  }));

test("a process that is told to end keeps the results that come in time", (t) =>
  with_outside(t, async (outside, query) => {
    const { page, server } = t;
    await page.goto(await server.at("/ask" + query));
    await asks(t, outside, query, 1);
    const ended = server.kill("SIGTERM");
    await eventually("it stops", () => server.log.some((l) => /stopping:/.test(l)));
    await outside.say("in time");
    await ended;
    await server.start();
    await see(page, "Said: in time (1)");
    assert.equal(outside.ids.length, 1);
  }));

test("one that does not come back is left behind, and runs again", (t) =>
  with_outside(t, async (outside, query) => {
    const { page, server } = t;
    await page.goto(await server.at("/ask" + query));
    await asks(t, outside, query, 1);
    const child = server.child;
    const ended = server.kill("SIGTERM");
    await eventually("it stops", () => server.log.some((l) => /stopping:/.test(l)));
    child.kill("SIGTERM"); // once more: it waits for nobody
    await ended;
    assert.equal(child.exitCode, 0);
    await server.start();
    await outside.has_run(2);
    await outside.say("at last");
    await see(page, "Said: at last (1)");
    assert.equal(new Set(outside.ids).size, 1);
  }));

test("what runs in the background is not run again", (t) =>
  with_outside(t, async (outside, query) => {
    const { page, server } = t;
    await page.goto(await server.at("/aside" + query));
    await is_saved(server);
    await button(page, "Go").click();
    await see(page, "Going on");
    await outside.has_run(1);
    await server.restart();
    await see(page, "Going on");
    // What is asked for from now on comes after what the last process left.
    await page.goto(await server.at("/ask" + query));
    await asks(t, outside, query, 2);
    await outside.say("now");
    await see(page, "Said: now (1)");
    assert.equal(outside.ids.length, 2);
  }));

const jobs = (version) => `
  local M = {}
  local function words(text) return "${version} heard " .. text end
  function M.ask(path)
    local pipe <close> = assert(io.open(path))
    return words(pipe:read "a")
  end
  return M`;

const app = (version) => `
  local s = require "stube"
  local jobs = require "jobs"
  s.flow("e2e/deployed", function(args)
    while true do
      s.await(s.info("${version} asks", { ok = "Ask" }))
      s.show { "p", "Asking ..." }
      s.await(s.info(s.io(jobs.ask, args.path), { ok = "Again" }))
    end
  end)
  s.mount("/deployed", "e2e/deployed",
    { args = function(req) return { path = req.query.path } end })`;

test("a call ends with the code it began with, also when that has changed since", (t) =>
  with_outside(t, async (outside) => {
    const { page, server } = t;
    const write = (version) => {
      writeFileSync(path.join(outside.dir, "jobs.lua"), jobs(version));
      writeFileSync(path.join(outside.dir, "app.lua"), app(version));
    };
    const query = `?path=${encodeURIComponent(path.join(outside.dir, "pipe"))}`;
    server.app = path.join(outside.dir, "app.lua");
    write("old");
    await page.goto(await server.at("/deployed" + query));
    await button(page, "Ask").click();
    await see(page, "Asking ...");
    await server.kill();
    write("new");
    await server.start();
    await outside.say("this");
    await see(page, "old heard this");
    await page.goto(await server.at("/deployed" + query));
    await button(page, "Ask").click();
    await see(page, "Asking ...");
    await outside.say("that");
    await see(page, "new heard that");
  }));
