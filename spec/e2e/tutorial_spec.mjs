// docs/tutorial.md, word for word. Its lua pieces are written into a file one behind the
// other, as it tells the reader; its numbered lines are done, in a browser, sentence by
// sentence. A sentence that is not understood fails as one that does not hold.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { AWAY, eventually, ROOT, test } from "./harness.mjs";

const TUTORIAL = path.join(ROOT, "docs/tutorial.md");
const BINARY = path.resolve(ROOT, process.env.STUBE ?? "build/stube");
const SEE_MS = 15_000; // the server may have to start meanwhile

/** The sections: title, the file up to there, steps: { line, text }, and shell lines. */
function sections() {
  const all = [];
  const shell = [];
  let fence = null;
  let code = "";
  let step = null;
  readFileSync(TUTORIAL, "utf8").split("\n").forEach((text, i) => {
    if (fence !== null) {
      if (text === "```") fence = null;
      else if (fence === "lua") code += `${text}\n`;
      else shell.push(text);
      if (all.length) all.at(-1).code = code;
    } else if (text.startsWith("```")) fence = text.slice(3);
    else if (text.startsWith("## ")) all.push({ title: text.slice(3), code, steps: [] });
    else if (/^\d+\. /.test(text)) {
      step = { line: i + 1, text: text.replace(/^\d+\. /, "") };
      all.at(-1).steps.push(step);
      return;
    } else if (step && /^ {3}\S/.test(text)) {
      step.text += ` ${text.trim()}`;
      return;
    }
    step = null;
  });
  return { all, shell };
}

const by_name = (page, role, name) => page.getByRole(role, { name, exact: true }).first();
const field = (page, name) => by_name(page, "textbox", name);

/** Whether an element says this, and no more than this; or the page itself, as data. */
const says = (page, text) => page.evaluate((wanted) =>
  [...document.querySelectorAll("body, body *")].some((el) => [...el.childNodes]
    .map((n) => (n.nodeType === Node.TEXT_NODE ? n.data : "")).join("")
    .trim() === wanted), text);

/** What a sentence may say. `r` is the reader: the page before them, and more. */
const SENTENCES = [
  [/^Open `([^`]+)`\. ?/, async (r, at) => r.page.goto(await r.server.at(at))],
  [/^[Cc]lick \*\*(.+?)\*\*\. ?/, (r, name) => by_name(r.page, "button", name).click()],
  [/^Type `([^`]+)` into \*\*(.+?)\*\* and /, (r, text, name) =>
    field(r.page, name).fill(text)],
  [/^press (\w+)\. ?/, (r, key) => r.page.keyboard.press(key)],
  [/^You see "(.+?)"\.(?: |$)/, (r, text) => eventually(`"${text}" is seen`, () =>
    says(r.page, text), SEE_MS)],
  [/^You do not see "(.+?)"\. ?/, (r, text) => eventually(`no "${text}"`, async () =>
    !(await r.page.locator("body").innerText()).includes(text))],
  [/^\*\*(.+?)\*\* is empty\. ?/, (r, name) => eventually(`${name} is empty`, async () =>
    await field(r.page, name).inputValue() === "")],
  [/^Go back\. ?/, (r) => r.page.goBack()],
  [/^The address is `([^`]+)`\. ?/, (r, at) =>
    r.page.waitForURL((url) => url.pathname + url.search === at)],
  [/^Stop the server and start it again(?:, and leave the page open)?\. ?/, (r) =>
    r.server.restart("SIGINT")],
  [/^In the (first|other) browser: /, (r, which) => r.turn_to(which)],
];

async function follow(reader, { line, text }) {
  let rest = text;
  while (rest) {
    const [pattern, act] = SENTENCES.find(([p]) => p.test(rest)) ?? [];
    assert.ok(pattern, `docs/tutorial.md:${line}: nobody understands: ${rest}`);
    const [sentence, ...words] = pattern.exec(rest);
    try {
      await act(reader, ...words);
    } catch (error) {
      throw new Error(`docs/tutorial.md:${line}: ${sentence}\n${error.message}`);
    }
    rest = rest.slice(sentence.length);
  }
}

/** Runs `body` with shop.lua, as it is after a section, in a folder of its own. */
async function with_file(code, body) {
  const dir = mkdtempSync(path.join(tmpdir(), "stube-"));
  const file = path.join(dir, "shop.lua");
  writeFileSync(file, code);
  try {
    await body(file, dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

for (const { title, code, steps } of sections().all)
  if (steps.length)
    test(`"${title}" is as it says`, async (t) => with_file(code, async (file) => {
      t.expect_errors(AWAY);
      t.server.app = file;
      t.server.store = null; // beside the file
      const pages = { first: t.page };
      const reader = {
        page: t.page,
        server: t.server,
        async turn_to(which) {
          pages[which] ??= await (await t.newContext()).newPage();
          this.page = pages[which];
        },
      };
      try {
        for (const step of steps) await follow(reader, step);
      } finally {
        await t.server.kill();
      }
    }));

test("each section that has code says what to do with it; stube finds it fine",
  async () => {
    const { all, shell } = sections();
    assert.deepEqual(shell, ["build/stube shop.lua", "build/stube check shop.lua"]);
    const idle = all.filter(({ code, steps }, i) =>
      code !== (all[i - 1]?.code ?? "") && !steps.length);
    assert.deepEqual(idle.map(({ title }) => title), []);
    await with_file(all.at(-1).code, async (_, dir) => {
      const { stdout } = await promisify(execFile)(BINARY, ["check", "shop.lua"],
        { cwd: dir });
      assert.match(stdout, /^shop\.lua is fine/);
    });
  });
