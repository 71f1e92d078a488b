// A stand-in for stube that a test holds in its hand: it serves one page with
// the real client and stylesheet under the real policy, keeps the stream open,
// records every event, and can be told to lose answers, refuse, hang up or go
// away.

import http from "node:http";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { eventually, ROOT } from "./harness.mjs";

const CID = "c1";
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; " +
  "frame-ancestors 'none'";

const assets = {
  "/stube/client.js": ["text/javascript", "build/gen/client.js"],
  "/stube/ui.css": ["text/css", "src/client/ui.css"],
};

/** The URL of an event, as the renderer writes it. */
export function url(event, iid = "ix-1") {
  const [name, value] = [event].flat();
  const p = value === undefined ? "" : `&p=${value}`;
  return `/conv/${CID}/${iid}/${name}?m=MAC${p}`;
}

const attribute = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;");

/** `data-on:click="@post('...')"` for an event. */
export function on(dom_event, event, { iid, mods = "", before = "", options } = {}) {
  const tail = options ? `, ${options}` : "";
  const expr = `${before}@post('${url(event, iid)}'${tail})`;
  return `data-on:${dom_event}${mods}="${attribute(expr)}"`;
}

/** A form's attributes, as `on_submit` writes them. */
export function on_submit(event, iid) {
  const post = on("submit", event, {
    iid,
    mods: "__prevent",
    options: "{contentType: 'form'}",
  });
  return `action="${attribute(url(event, iid))}" method="post" ${post}`;
}

export class FakeServer {
  root = ""; // what stands in #root when a page is asked for
  cid = CID; // of the conversation that a visit begins
  stands = 1; // the turn by which its state is found
  data = ""; // more attributes of the body
  lives = {}; // cid -> root: conversations that a reload may go on with
  resumed = []; // what was asked for by a reload
  events = []; // {id, seen, name, iid, query, body, status}, as they came
  streams = []; // {url, last_id} of every stream opened
  ran = []; // ids of the events that were not repeats
  // (event, n-th attempt) -> status, "lose", "hang" or [status, headers, body]
  answer = () => 204;
  stream_status = 200;
  #open = new Set();
  #server = null;
  #port = 0;
  #sockets = new Set();
  #turn = 0;

  async start() {
    this.#server = http.createServer((req, res) =>
      this.#handle(req, res).catch((error) => res.destroy(error)));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = this.#server.address().port;
    return this;
  }

  /** Goes away: nothing listens any more, what was open is cut. */
  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  get origin() {
    return `http://127.0.0.1:${this.#port}`;
  }

  async #handle(req, res) {
    const { pathname, searchParams } = new URL(req.url, this.origin);
    if (assets[pathname]) {
      const [type, file] = assets[pathname];
      res.writeHead(200, { "Content-Type": type });
      res.end(await readFile(path.join(ROOT, file)));
    } else if (pathname.endsWith("/sse")) this.#stream(req, res);
    else if (req.method === "POST") await this.#event(req, res, searchParams);
    else if (pathname === "/") {
      res.writeHead(200, {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-store",
      });
      res.end(this.#page());
    } else if (searchParams.has("instead")) {
      this.resumed.push(req.url);
      const cid = pathname.split("/")[2];
      const root = this.lives[cid];
      if (root === undefined) res.writeHead(204).end();
      else {
        res.writeHead(200, { "Content-Type": "text/html; charset=utf-8" });
        res.end(this.#page(cid, root));
      }
    } else res.writeHead(404).end();
  }

  #page(cid = this.cid, root = this.root) {
    return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Spec</title><link rel="stylesheet" href="/stube/ui.css">
<script type="module" src="/stube/client.js"></script></head>
<body data-stube-cid="${cid}" data-stube-turn="${this.stands}" ${this.data}
 data-init="@get('/conv/${cid}/sse?at=1.0', {openWhenHidden: true})">
<div id="root">${root}</div>
</body></html>`;
  }

  #stream(req, res) {
    this.streams.push({
      url: req.url,
      last_id: req.headers["last-event-id"] ?? null,
      accept: req.headers.accept,
    });
    if (this.stream_status !== 200) {
      res.writeHead(this.stream_status).end();
      return;
    }
    res.writeHead(200, {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-cache",
    });
    res.flushHeaders();
    this.#open.add(res);
    res.on("close", () => this.#open.delete(res));
  }

  async #event(req, res, query) {
    let text = "";
    for await (const chunk of req) text += chunk;
    const [, , , iid, name] = req.url.split("?")[0].split("/");
    const id = req.headers["stube-event"];
    const attempt = this.events.filter((e) => e.id === id).length;
    const type = req.headers["content-type"];
    const event = {
      id, iid, name, query, type,
      seen: req.headers["stube-seen"],
      body: type === "application/json" ? JSON.parse(text) : text,
    };
    this.events.push(event);
    const status = await this.answer(event, attempt);
    if (typeof status !== "object" && status !== "refuse" &&
        !(status >= 400) && !this.ran.includes(id)) this.ran.push(id);
    if (status === "lose") req.socket.destroy();
    else if (status !== "hang") {
      const [code, headers, said] = [status].flat();
      res.writeHead(code, headers).end(said);
    }
  }

  /** Writes one event to every open stream, its id the next one. */
  async send(event, lines, id = `2.${++this.#turn}`) {
    await eventually("a stream is open", () => this.#open.size);
    const data = lines.map((line) => `data: ${line}\n`).join("");
    for (const res of this.#open)
      res.write(`event: ${event}\n${id ? `id: ${id}\n` : ""}${data}\n`);
    return id;
  }

  /** Writes bytes as they are. */
  async write(text) {
    await eventually("a stream is open", () => this.#open.size);
    for (const res of this.#open) res.write(text);
  }

  patch(elements, options = {}) {
    const { id, ...rest } = options;
    const lines = Object.entries(rest).map(([key, value]) => `${key} ${value}`);
    const all = elements ? elements.split("\n").map((l) => `elements ${l}`) : [];
    return this.send("datastar-patch-elements", [...lines, ...all], id);
  }

  /** The first drawing of a frame. */
  frame(elements) {
    return this.patch(elements, { selector: "#root", mode: "inner" });
  }

  signals(tree, options = {}) {
    const lines = Object.entries(options).map(([key, value]) => `${key} ${value}`);
    return this.send("datastar-patch-signals", [
      ...lines,
      `signals ${JSON.stringify(tree)}`,
    ]);
  }

  /** What the server says of address and entry; "PAGE" is the page that sent the
   * last event. */
  address(said, id) {
    const page = this.events.at(-1)?.id.split(".")[0] ?? "";
    const lines = Object.entries(said)
      .map(([key, value]) => `${key} ${value}`.replace("PAGE", page));
    return this.send("stube-address", lines, id);
  }

  /** Cuts the open streams, without their end. */
  cut() {
    for (const res of this.#open) res.destroy();
  }

  get is_streaming() {
    return this.#open.size > 0;
  }

  /** Waits for the n-th event (from 1) and gives it back. */
  async event(n) {
    await eventually(`event ${n} arrives`, () => this.events.length >= n);
    return this.events[n - 1];
  }
}

/** A fake server with `root` as its page, open in `page` and streaming. */
export async function open_page({ page, cleanup }, root) {
  const fake = await new FakeServer().start();
  cleanup(() => fake.stop().catch(() => {}));
  fake.root = root;
  await page.goto(fake.origin);
  await eventually("the stream opens", () => fake.is_streaming);
  return fake;
}
