// Golden heads: conversations that earlier versions saved go on in this one. Each
// spec/golden/KIND-N.jsonl is a store as text (`stube store export`) of the app
// KIND.lua, which is never changed: the heads hold functions of it. KIND-N.json beside it
// says who was where, and what was to come.
//
// A new format of heads gets a new pair, made by the version that writes it first:
// GOLDEN=KIND-N node spec/e2e/run.mjs golden. The old pairs stay.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ROOT, test } from "./harness.mjs";

const FOLDER = path.join(ROOT, "spec/golden");
const stube = path.resolve(ROOT, process.env.STUBE ?? "build/stube");

/** `stube store` on the store of a test's server. */
export const store = ({ server }, command, ...args) =>
  execFileSync(stube, ["store", command, ...args, "--store", server.store],
    { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 26 });

/** Runs `body` with a server of the kind's app, and a store in the folder `t.dir`. */
async function with_app(t, kind, body) {
  t.dir = mkdtempSync(path.join(tmpdir(), "stube-"));
  t.server.app = path.join(FOLDER, `${kind}.lua`);
  t.server.store = path.join(t.dir, "store");
  try {
    await body();
  } finally {
    await t.server.kill();
    rmSync(t.dir, { recursive: true });
  }
}

/** Claims of every pair of this kind that `check(t, known)` holds, with the store
 * imported. `make(t)` fills a store, and returns what is to be known of it. */
export function golden(kind, claim, { make, check }) {
  const fresh = process.env.GOLDEN;
  if (fresh?.startsWith(`${kind}-`))
    test(`golden heads ${fresh} are made`, (t) => with_app(t, kind, async () => {
      const known = await make(t);
      await t.server.kill();
      writeFileSync(path.join(FOLDER, `${fresh}.jsonl`), store(t, "export"));
      writeFileSync(path.join(FOLDER, `${fresh}.json`),
        `${JSON.stringify(known, null, 1)}\n`);
    }));
  const pattern = new RegExp(`^${kind}-\\d+\\.jsonl$`);
  for (const file of readdirSync(FOLDER).filter((name) => pattern.test(name))) {
    const name = path.basename(file, ".jsonl");
    test(`${claim}, as ${name} saved it`, (t) => with_app(t, kind, async () => {
      store(t, "import", path.join(FOLDER, file));
      store(t, "check");
      await check(t, JSON.parse(readFileSync(path.join(FOLDER, `${name}.json`))));
    }));
  }
}
