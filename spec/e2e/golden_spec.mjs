// What each kind of golden heads (golden.mjs) must still do.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { open } from "node:fs/promises";
import path from "node:path";
import { golden, store } from "./golden.mjs";
import { eventually } from "./harness.mjs";
import { Visitor } from "./visitor.mjs";

// --- states, and flows that wait in many places ---

const MORE = 8; // clicks past the saved place that are compared

/** What the page says before and after each of so many clicks. */
async function texts(visitor, label, clicks) {
  const all = [visitor.text];
  for (let i = 0; i < clicks; i++) all.push((await visitor.click(label)).text);
  return all;
}

const places = [
  ["/state", "Next", [1, 2, 3]],
  ["/flow", "Next", [1, 2, 3, 4, 5, 7, 8, 10, 12, 17, 19, 23]],
  ["/later", "Next", [1, 2, 3]],
  ["/later", "Slot", [1]],
];

/** What is to come from each place, seen by visitors that went ahead. */
async function look_ahead(server) {
  const all = [];
  for (const [mount, label, clicks] of places)
    for (const n of clicks) {
      const v = await new Visitor(server).begin(mount);
      const said = await texts(v, label, n);
      const is_slot = label === "Slot";
      const later = await texts(v, is_slot ? "Next" : label, is_slot ? 1 : MORE);
      all.push({ mount, label, n, said, later });
    }
  return all;
}

golden("app", "conversations go on (20.7)", {
  async make({ server }) {
    const at = server.store;
    server.store = "memory";
    const ahead = await look_ahead(server);
    await server.kill();
    server.store = at;
    const visitors = [];
    for (const { mount, label, n, said, later } of ahead) {
      const v = await new Visitor(server).begin(mount);
      assert.deepEqual(await texts(v, label, n), said);
      const next = label === "Slot" ? "Next" : label;
      visitors.push({ mount, label: next, cid: v.cid, cookie: v.cookie, later });
    }
    return visitors;
  },
  async check({ server }, visitors) {
    assert.ok(visitors.length >= 19);
    for (const { mount, label, later, ...known } of visitors) {
      const v = await new Visitor(server, known).look();
      assert.equal(v.status, 200, `${mount}: ${later[0]}`);
      assert.deepEqual(await texts(v, label, later.length - 1), later);
    }
  },
});

// --- one that waits for a worker ---

/** What its worker reads. */
function make_pipe({ dir }) {
  process.env.GOLDEN_PIPE = path.join(dir, "pipe");
  execFileSync("mkfifo", [process.env.GOLDEN_PIPE]);
}

async function waits(visitor) {
  assert.match((await visitor.look()).text, /It waits/);
}

async function hears(visitor, text) {
  const pipe = await open(process.env.GOLDEN_PIPE, "w"); // when the worker reads
  await pipe.write(text);
  await pipe.close();
  await eventually("the result is shown", async () =>
    (await visitor.look()).text.includes(`It says ${text} 3`));
}

golden("io", "what waits for a worker goes on", {
  async make(t) {
    make_pipe(t);
    const v = await new Visitor(t.server).begin("/io");
    await waits(v);
    return { cid: v.cid, cookie: v.cookie };
  },
  async check(t, known) {
    make_pipe(t);
    assert.match(store(t, "show", known.cid),
      new RegExp(`its body waits for the call ${known.cid}-\\d+`));
    const v = new Visitor(t.server, known);
    await waits(v);
    await hears(v, "hello");
  },
});

// --- one that was spawned, and limited ---

golden("can", "one that was limited goes on, and is", {
  async make({ server }) {
    const boss = await new Visitor(server).begin("/boss");
    await boss.click("Hire");
    const cid = /made (\S+)/.exec(boss.text)[1];
    const known = { cid, cookie: boss.cookie };
    assert.match((await new Visitor(server, known).look()).text, /it has begun/);
    return known;
  },
  async check(t, known) {
    assert.match(store(t, "show", known.cid),
      /^ {2}may {6}after \(limited by golden\/boss in \S+\)$/m);
    const v = await new Visitor(t.server, known).look();
    assert.match(v.text, /it has begun;/);
    assert.match((await v.click("Time")).text, /it may wait/);
    assert.match((await v.click("Script")).text,
      /execute_script: golden\/agent lacks the capability "script".* by golden\/boss in /);
  },
});

// --- one that has scripts and signals which no page has acknowledged ---

/** The saved bytes of conversations, as text. */
const heads = (exported) => exported.trim().split("\n").map(JSON.parse)
  .filter(({ head }) => head)
  .map(({ head }) => Buffer.from(head, "base64").toString("latin1"));

const holds = (head, scripts) => {
  for (const script of scripts) assert.ok(head.includes(script), script);
};

golden("unseen", "what has scripts that nobody has got goes on", {
  async make({ server }) {
    const v = await new Visitor(server).begin("/");
    await v.click("Run");
    await v.click("Run");
    return { cid: v.cid, cookie: v.cookie, scripts: ["began()", "run(1)", "run(2)"] };
  },
  async check(t, { scripts, ...known }) {
    holds(heads(store(t, "export"))[0], scripts);
    const v = await new Visitor(t.server, known).look();
    assert.match(v.text, /ran 2 times/);
    assert.match((await v.click("Run")).text, /ran 3 times/);
    await t.server.kill();
    const [head] = heads(store(t, "export"));
    holds(head, ["run(3)"]);
    assert.ok(!head.includes("began()"), "a script of long ago is kept");
  },
});
