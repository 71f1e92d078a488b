// A visitor without a browser: pages by fetch, events as the page offers them.

import assert from "node:assert/strict";

/** The text of the page's root, tags removed. */
function text_of(html) {
  return html.slice(html.indexOf("<div id=\"root\">"))
    .replace(/<[^>]*>/g, " ").replace(/&#39;/g, "'").replace(/&quot;/g, '"')
    .replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&")
    .replace(/\s+/g, " ").trim();
}

export class Visitor {
  /** `server` is a test's; `known` is {cid, cookie} of a conversation that is there. */
  constructor(server, known = {}) {
    this.server = server;
    Object.assign(this, known);
  }

  async #take(res) {
    this.status = res.status;
    this.html = await res.text();
    this.cid = /data-stube-cid="([^"]+)"/.exec(this.html)?.[1] ?? this.cid;
    this.text = text_of(this.html);
    return this;
  }

  /** Begins a conversation. */
  async begin(mount) {
    const res = await fetch(await this.server.at(mount));
    this.cookie = res.headers.get("set-cookie").split(";")[0];
    return this.#take(res);
  }

  /** Its page as it is now, whatever the status. */
  async look() {
    return this.#take(await fetch(await this.server.at(`/conv/${this.cid}`),
      { headers: { Cookie: this.cookie } }));
  }

  /** Clicks the button with this label; then looks. */
  async click(label) {
    const button = [...this.html.matchAll(/<button[^>]*>[^<]*<\/button>/g)]
      .map((m) => m[0]).find((b) => b.endsWith(`>${label}</button>`));
    assert.ok(button, `a button ${label} in ${this.html}`);
    const url = /@post\('(.*?)'/.exec(button)[1].replace(/&amp;/g, "&");
    const res = await fetch(await this.server.at(url), {
      method: "POST",
      body: "{}",
      headers: { Cookie: this.cookie, "Content-Type": "application/json" },
    });
    assert.equal(res.status, 204);
    return this.look();
  }

  /** Sends the page's form, as a browser without JavaScript does; then looks. */
  async give(fields) {
    const action = /action="([^"]+)"/.exec(this.html)[1].replaceAll("&amp;", "&");
    const res = await fetch(await this.server.at(action), {
      method: "POST",
      body: new URLSearchParams(fields),
      redirect: "manual",
      headers: { Cookie: this.cookie, "Sec-Fetch-Site": "same-origin" },
    });
    assert.equal(res.status, 303);
    return this.look();
  }
}
