// What a browser spec is written with: `test(claim, fn)`, a fresh browser
// context for each, a stube server that can be killed and brought back, and the
// rule that nothing may go wrong on the console unless the test said it would.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const need = createRequire(path.join(ROOT, "build/npm/package.json"));
const { chromium } = need("playwright-core");

const READY_MS = 20_000; // a sanitizer build on a busy machine is slow to start
const ACTION_MS = 8_000;
const TEST_MS = 60_000;
const LANES = 2;

const tests = [];
let file = "";

/** Declares a test. `claim` says what holds if it passes. */
export function test(claim, run) {
  tests.push({ file, claim, run });
}

/** The pattern that covers a server that is away, for `expect_errors`. */
export const AWAY = /ERR_|Failed to load resource|Failed to fetch/;

function wait_for_ready(child, log) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the server is not ready\n${log.join("\n")}`)),
      READY_MS,
    );
    const on_line = (line) => {
      log.push(line);
      const m = /^stube: listening on (http:\S+)$/.exec(line);
      if (!m) return;
      clearTimeout(timer);
      resolve(m[1]);
    };
    readline.createInterface({ input: child.stdout }).on("line", on_line);
    readline.createInterface({ input: child.stderr })
      .on("line", (line) => log.push(line));
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      log.push(`(ended: ${signal ?? code})`);
      reject(new Error(`the server ended (${signal ?? code})\n${log.join("\n")}`));
    });
  });
}

/** A stube process. It starts when first asked for a URL. */
class Server {
  app = "examples/all.lua";
  args = [];
  store = "memory"; // or a folder; null: beside the app
  log = [];
  #child = null;
  #url = null;
  #port = 0;

  async start() {
    const binary = path.resolve(ROOT, process.env.STUBE ?? "build/stube");
    if (!existsSync(binary)) throw new Error(`there is no ${binary}: run make`);
    const store = this.store ? ["--store", this.store] : [];
    const port = String(this.#port);
    const args = [this.app, "--port", port, ...store, ...this.args];
    const options = { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] };
    this.#child = spawn(binary, args, options);
    this.#url = await wait_for_ready(this.#child, this.log);
    this.#port = Number(new URL(this.#url).port);
    return this.#url;
  }

  /** The process, while it runs. */
  get child() {
    return this.#child;
  }

  /** The URL of `path`; starts the server if it is not running. */
  async at(path_of_page) {
    if (!this.#child) await this.start();
    return new URL(path_of_page, this.#url).href;
  }

  /** Ends it with `signal`; with no argument as hard as can be. */
  async kill(signal = "SIGKILL") {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  /** Ends it and starts it again on the same port. */
  async restart(signal) {
    await this.kill(signal);
    return this.start();
  }
}

/** Runs `body` with a server that keeps its conversations in a folder,
 * and is killed now and then. */
export async function with_store(t, body) {
  const dir = mkdtempSync(path.join(tmpdir(), "stube-"));
  t.server.store = path.join(dir, "store");
  t.expect_errors(AWAY);
  try {
    await body();
  } finally {
    await t.server.kill();
    rmSync(dir, { recursive: true });
  }
}

/** Waits until a conversation is kept: the page's stream has come, which
 * is when a conversation is first saved. */
export async function is_saved(server) {
  await eventually("the conversation is kept", async () => {
    const answer = await fetch(await server.at("/stube/metrics"));
    return /^stube_store_conversations [1-9]/m.test(await answer.text());
  });
}

export async function launch() {
  const args = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ];
  if (process.getuid() === 0) args.push("--no-sandbox");
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, headless: true, args });
}

/** Reports what goes wrong in `context`, unless an expected pattern covers it.
 * */
function watch_errors(context, expected, wrong) {
  const report = (text) => {
    if (!expected.some((pattern) => pattern.test(text))) wrong.push(text);
  };
  context.on("console", (message) => {
    if (message.type() !== "error") return;
    const { url } = message.location();
    if (url.endsWith("/favicon.ico")) return;
    report(`console: ${message.text()} (${url})`);
  });
  context.on("weberror", (error) => report(`page: ${error.error().stack}`));
}

function with_timeout(promise, ms) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`still running after ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function run_one(browser, { run }) {
  const expected = [];
  const wrong = [];
  const contexts = [];
  const cleanups = [];
  const server = new Server();
  async function newContext(options = {}) {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(ACTION_MS);
    watch_errors(context, expected, wrong);
    contexts.push(context);
    return context;
  }
  try {
    const context = await newContext();
    const page = await context.newPage();
    const tools = {
      page,
      context,
      newContext,
      server,
      expect_errors: (...patterns) => expected.push(...patterns),
      cleanup: (fn) => cleanups.push(fn),
    };
    await with_timeout(run(tools), TEST_MS);
    if (wrong.length) throw new Error(`unexpected errors:\n${wrong.join("\n")}`);
  } catch (error) {
    const log = server.log.length ? `\nserver:\n${server.log.join("\n")}` : "";
    throw new Error(`${error.stack}${log}`);
  } finally {
    for (const context of contexts) await context.close();
    for (const fn of cleanups) await fn();
    await server.kill();
  }
}

/** Runs one test in `browser` and says what came of it. */
async function run_and_tell(browser, t, counts) {
  const started = performance.now();
  try {
    await run_one(browser, t);
    const ms = Math.round(performance.now() - started);
    console.log(`ok   ${t.file}: ${t.claim} (${ms} ms)`);
    counts.passed += 1;
  } catch (error) {
    console.log(`FAIL ${t.file}: ${t.claim}`);
    console.log(error.message.replace(/^/gm, "     "));
    counts.failed += 1;
  }
}

/** Takes tests from `waiting` until there are none, in a browser of its own. */
async function run_lane(waiting, counts) {
  const browser = await launch();
  try {
    while (waiting.length) await run_and_tell(browser, waiting.shift(), counts);
  } finally {
    await browser.close();
  }
}

/** Loads the spec files, runs what they declare and matches `filter`, LANES at a
 * time (each waits more than it works); returns the counts. One line a test. */
export async function run_files(files, filter) {
  for (const name of files) {
    file = path.relative(path.join(ROOT, "spec/e2e"), name)
      .replace(/_spec\.mjs$/, "");
    await import(name);
  }
  const waiting = tests.filter((t) => `${t.file}: ${t.claim}`.includes(filter));
  const counts = { passed: 0, failed: 0 };
  const lanes = Array.from({ length: LANES }, () => run_lane(waiting, counts));
  await Promise.all(lanes);
  return counts;
}

// --- saying what should be on a page ---

/** Waits until `probe()` gives something true, and gives it back. */
export async function eventually(claim, probe, ms = ACTION_MS) {
  const until = performance.now() + ms;
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      last = value;
    } catch (error) {
      last = error.message;
    }
    if (performance.now() > until)
      throw new Error(`${claim}: not within ${ms} ms (last: ${last})`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

/** Waits until the page shows exactly this text in one element. */
export async function see(page, text) {
  await page.getByText(text, { exact: true }).first().waitFor();
}

/** The button that says exactly this. (Its accessible name may say more.) */
export function button(page, text) {
  const exactly = text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const hasText = new RegExp(`^\\s*${exactly}\\s*$`);
  return page.locator("button").filter({ hasText });
}
