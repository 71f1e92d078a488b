// Flows in flight across a deploy: the server is killed, scripts change on disk,
// and it is started again on the same store. A visitor of fetch, no browser:
// what is looked at is which code answers.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { eventually, test } from "./harness.mjs";
import { Visitor } from "./visitor.mjs";

/** A folder with scripts and a store, and a server for them. */
class Deploy {
  constructor(server) {
    this.server = server;
    this.dir = mkdtempSync(path.join(tmpdir(), "stube-"));
    server.app = path.join(this.dir, "app.lua");
    server.args = ["--store", path.join(this.dir, "store")];
  }

  write(name, text) {
    const file = path.join(this.dir, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  async end() {
    await this.server.kill();
    rmSync(this.dir, { recursive: true });
  }
}

function deployed(claim, run) {
  test(claim, async (t) => {
    const deploy = new Deploy(t.server);
    try {
      await run(deploy, t);
    } finally {
      await deploy.end();
    }
  });
}

const flow = (version, options = "") => `
local s = require "stube"
local words = require "words"
s.flow("shop/order", {${options}}, function(args)
  local step = 0
  while true do
    step = step + 1
    local ok, answer = pcall(function()
      return s.await(s.info("${version} " .. words.say(step), { ok = "Next" }))
    end)
    if not ok then error(answer) end
  end
end)
s.mount("/order", s.embed("shop/order", { name = "Ada" }))
`;
const words = (version) =>
  `local M = {} local v = "${version}" function M.say(n) return v .. n end return M`;

deployed("a flow ends with the code it began with; new ones get the new code",
  async (d) => {
    d.write("app.lua", flow("one"));
    d.write("words.lua", words("a"));
    const old = await new Visitor(d.server).begin("/order");
    assert.match((await old.click("Next")).html, /one a2/);
    d.write("app.lua", `-- moved down\n${flow("two")}`);
    for (const step of [3, 4]) {
      await d.server.restart();
      assert.match((await old.click("Next")).html, new RegExp(`one a${step}`));
    }
    const young = await new Visitor(d.server).begin("/order");
    assert.match(young.html, /two a1/);
    assert.match((await young.click("Next")).html, /two a2/);
  });

deployed("a changed module changes nothing for a flow that was built on the old",
  async (d) => {
    d.write("app.lua", flow("one"));
    d.write("words.lua", words("a"));
    const old = await new Visitor(d.server).begin("/order");
    await old.click("Next");
    d.write("words.lua", words("b"));
    await d.server.restart();
    assert.match((await old.click("Next")).html, /one a3/);
    assert.match((await new Visitor(d.server).begin("/order")).html, /one b1/);
  });

deployed("three versions in flight keep apart", async (d) => {
  d.write("words.lua", words("a"));
  const visitors = [];
  for (const version of ["one", "two", "three"]) {
    d.write("app.lua", flow(version));
    if (visitors.length) await d.server.restart();
    const v = await new Visitor(d.server).begin("/order");
    assert.match((await v.click("Next")).html, new RegExp(`${version} a2`));
    visitors.push([v, version]);
  }
  for (const step of [3, 4]) {
    await d.server.restart();
    for (const [v, version] of visitors)
      assert.match((await v.click("Next")).html, new RegExp(`${version} a${step}`));
  }
});

deployed("a component that a flow waits for runs its newest code", async (d) => {
  const app = (label) => `
local s = require "stube"
s.component("shop/ask", {
  init = { n = 1 },
  render = function(self)
    return { "p", "${label} " .. self.n, { "button", on_click = "more", "More" },
      { "button", on_click = "done", "Done" } }
  end,
  on = { more = function(self) self.n = self.n + 1 end,
         done = function(self) s.answer(self.n) end },
})
s.flow("shop/order", function()
  local n = s.await "shop/ask"
  s.await(s.info("answered " .. n))
end)
s.mount("/order", "shop/order")`;
  d.write("app.lua", app("old"));
  const v = await new Visitor(d.server).begin("/order");
  assert.match((await v.click("More")).html, /old 2/);
  d.write("app.lua", app("new"));
  await d.server.restart();
  assert.match((await v.look()).html, /new 2/);
  assert.match((await v.click("More")).html, /new 3/);
  assert.match((await v.click("Done")).html, /answered 3/);
});

deployed("restart begins a flow again with its args", async (d) => {
  d.write("words.lua", words("a"));
  d.write("app.lua", flow("one"));
  const v = await new Visitor(d.server).begin("/order");
  await v.click("Next");
  d.write("app.lua", flow("two", 'upgrade = "restart"'));
  await d.server.restart();
  assert.match((await v.look()).html, /two a1/);
  assert.match((await v.click("Next")).html, /two a2/);
  await d.server.restart();
  assert.match((await v.click("Next")).html, /two a3/);
});

deployed("a function takes a flow on from its locals", async (d) => {
  d.write("words.lua", words("a"));
  d.write("app.lua", flow("one"));
  const v = await new Visitor(d.server).begin("/order");
  await v.click("Next");
  d.write("app.lua", flow("two", `upgrade = function(args, locals)
    return { name = args.name, step = locals.step } end`)
    .replace("local step = 0", "local step = args.step or 0"));
  await d.server.restart();
  assert.match((await v.look()).html, /two a3/);
});

deployed("a function that returns nothing keeps the old code, and is asked once",
  async (d) => {
    const asks = `upgrade = function(args, locals)
      print("asked at step " .. locals.step) end`;
    d.write("words.lua", words("a"));
    d.write("app.lua", flow("one"));
    const v = await new Visitor(d.server).begin("/order");
    await v.click("Next");
    d.write("app.lua", flow("two", asks));
    await d.server.restart();
    assert.match((await v.click("Next")).html, /one a3/);
    assert.match((await v.click("Next")).html, /one a4/);
    await d.server.restart("SIGTERM"); // all it printed has been read
    assert.match((await v.click("Next")).html, /one a5/);
    assert.equal(d.server.log.filter((l) => l === "asked at step 2").length, 1);
  });

deployed("what only an old script defined goes on without it", async (d, t) => {
  d.write("words.lua", words("a"));
  d.write("app.lua", flow("one"));
  const v = await new Visitor(d.server).begin("/order");
  await v.click("Next");
  rmSync(path.join(d.dir, "words.lua"));
  d.write("app.lua", `local s = require "stube"
    s.mount("/", s.info("closed"))`);
  await d.server.restart();
  assert.match((await v.click("Next")).html, /one a3/);
  const gone = await fetch(await t.server.at("/order"));
  assert.equal(gone.status, 404); // and it mounts nothing
});

deployed("old code that cannot be run is a card for that visitor, and no loss",
  async (d) => {
    const needs = `local f <close> = assert(io.open("${d.dir}/rates.txt"))\n`;
    d.write("words.lua", words("a"));
    d.write("rates.txt", "1");
    d.write("app.lua", needs + flow("one"));
    const v = await new Visitor(d.server).begin("/order");
    await v.click("Next");
    d.write("app.lua", flow("two"));
    rmSync(path.join(d.dir, "rates.txt"));
    for (let i = 0; i < 2; i++) {
      await d.server.restart();
      assert.match((await v.look()).html, /cannot go on just now/);
      assert.equal(v.status, 410);
      await eventually("the log says why", () =>
        /rates.txt/.test(d.server.log.join(" ")));
      const other = await new Visitor(d.server).begin("/order");
      assert.match((await other.click("Next")).html, /two a2/);
    }
    d.write("rates.txt", "1");
    await d.server.restart();
    await v.look();
    assert.match((await v.click("Next")).html, /one a3/);
  });
