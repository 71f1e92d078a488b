// kill -9 under load: what was acknowledged is there, and nothing twice.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "./harness.mjs";

const VISITORS = 16;
const KILLS = 6;

/** One conversation with /counter; counts what was acknowledged. */
class Visitor {
  acked = 0;
  sent = 0;

  async begin(url) {
    const res = await fetch(url);
    const page = await res.text();
    this.base = new URL(url).origin;
    this.cookie = res.headers.get("set-cookie").split(";")[0];
    this.cid = /data-stube-cid="([^"]+)"/.exec(page)[1];
    this.inc = /@post\('([^']+\/inc\?[^']*)'/.exec(page)[1];
  }

  /** Sends the next click, or the last one again, until it is answered. */
  async click() {
    this.sent++;
    for (;;) {
      const status = await fetch(this.base + this.inc, {
        method: "POST",
        body: "{}",
        headers: {
          Cookie: this.cookie,
          "Content-Type": "application/json",
          "Stube-Event": `v.${this.sent}`,
        },
      }).then((res) => res.status, () => 0);
      if (status === 204) break;
      // Away, or not ready: nothing to do but ask again.
      assert.ok(status === 0 || status === 503, `answered ${status}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.acked++;
  }

  async shown() {
    const res = await fetch(`${this.base}/conv/${this.cid}`,
      { headers: { Cookie: this.cookie } });
    assert.equal(res.status, 200);
    return Number(/<output>(-?\d+)<\/output>/.exec(await res.text())[1]);
  }
}

test("each acknowledged event is applied exactly once through kill -9",
  async ({ server }) => {
    const dir = mkdtempSync(path.join(tmpdir(), "stube-"));
    server.store = path.join(dir, "store");
    try {
      const url = await server.at("/counter");
      const visitors = Array.from({ length: VISITORS }, () => new Visitor());
      await Promise.all(visitors.map((v) => v.begin(url)));
      let over = false;
      const clicking = visitors.map(async (v) => {
        while (!over) await v.click();
      });
      for (let kill = 0; kill < KILLS; kill++) {
        // Some clicks further, at no particular moment of a commit.
        const aim = visitors[kill].acked + 5 + kill * 3;
        while (visitors[kill].acked < aim)
          await new Promise((resolve) => setImmediate(resolve));
        await server.restart();
      }
      over = true;
      await Promise.all(clicking);
      for (const v of visitors) assert.equal(await v.shown(), v.acked);
    } finally {
      await server.kill();
      rmSync(dir, { recursive: true });
    }
  });
