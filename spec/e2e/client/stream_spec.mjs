import assert from "node:assert/strict";
import { AWAY, eventually, see, test } from "../harness.mjs";
import { on, open_page, url } from "../fake_server.mjs";

const NOTICE = ".stube-notice";
const PAGE = `<p id="p">first</p><button ${on("click", "go")}>Go</button>`;

test("the stream is asked for once, with what the page was painted at", async (t) => {
  const fake = await open_page(t, PAGE);
  assert.deepEqual(fake.streams, [{
    url: "/conv/c1/sse?at=1.0", last_id: null, accept: "text/event-stream",
  }]);
});

test("a cut stream is opened again from the last event applied", async (t) => {
  t.expect_errors(AWAY);
  const fake = await open_page(t, PAGE);
  await fake.patch(`<p id="p">second</p>`, { id: "7.3" });
  await see(t.page, "second");
  fake.cut();
  await eventually("it comes back", () => fake.streams.length === 2);
  assert.equal(fake.streams[1].last_id, "7.3");
  await fake.patch(`<p id="p">third</p>`);
  await see(t.page, "third");
  await t.page.click("text=Go");
  assert.equal((await fake.event(1)).seen, "2.1");
});

test("an event cut in the middle is neither applied nor acknowledged", async (t) => {
  t.expect_errors(AWAY);
  const fake = await open_page(t, PAGE);
  await fake.write("id: 9.9\nevent: datastar-patch-elements\n" +
    `data: elements <p id="p">half</p>\n`);
  await new Promise((resolve) => setTimeout(resolve, 30));
  fake.cut();
  await eventually("it comes back", () => fake.streams.length === 2);
  assert.equal(fake.streams[1].last_id, null);
  assert.equal(await t.page.textContent("#p"), "first");
});

test("an event may come in pieces and with any line ends", async (t) => {
  const fake = await open_page(t, PAGE);
  const text = ": hello\r\n\r\nevent: datastar-patch-elements\r\n" +
    `data: elements <p id="p">\rdata: elements grüße\rdata: elements </p>\r\r`;
  const bytes = Buffer.from(text);
  for (let i = 0; i < bytes.length; i += 3) {
    await fake.write(bytes.subarray(i, i + 3));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually("it is whole", () =>
    t.page.textContent("#p").then((text) => text === "\ngrüße\n"));
});

test("silence counts as a dead stream, comments as a living one", async (t) => {
  const began = Date.now();
  await t.page.clock.install({ time: began });
  const fake = await open_page(t, PAGE);
  await t.page.clock.pauseAt(began + 30_000); // no time passes but ours
  await fake.patch(`<p id="p">listens</p>`, { id: "3.0" });
  await see(t.page, "listens");
  await t.page.clock.runFor(40_000);
  await fake.write(": still here\n\n");
  await fake.patch(`<p id="p">heard</p>`, { id: "3.1" });
  await see(t.page, "heard");
  await t.page.clock.runFor(40_000);
  assert.equal(fake.streams.length, 1);
  await t.page.clock.runFor(6_000);
  await eventually("it is opened again", async () => {
    await t.page.clock.runFor(500);
    return fake.streams.length === 2;
  });
  assert.equal(fake.streams[1].last_id, "3.1");
});

test("a server that is away is waited for, quietly", async (t) => {
  t.expect_errors(AWAY);
  const fake = await open_page(t, PAGE);
  await fake.stop();
  await t.page.waitForSelector(NOTICE, { state: "visible" });
  assert.equal(await t.page.textContent(NOTICE), "Reconnecting…");
  assert.equal(await t.page.getAttribute(NOTICE, "role"), "status");
  await fake.start();
  await eventually("it is found again", () => fake.is_streaming, 20_000);
  await t.page.waitForSelector(NOTICE, { state: "hidden" });
  await fake.patch(`<p id="p">back</p>`);
  await see(t.page, "back");
});

test("a short cut is not mentioned", async (t) => {
  t.expect_errors(AWAY);
  const fake = await open_page(t, PAGE);
  fake.cut();
  await eventually("it comes back", () => fake.streams.length === 2);
  assert.equal(await t.page.isVisible(NOTICE), false);
});

test("a server that says 503 is asked again", async (t) => {
  t.expect_errors(AWAY);
  const fake = await open_page(t, PAGE);
  fake.stream_status = 503;
  fake.cut();
  await eventually("it was refused", () => fake.streams.length >= 3);
  fake.stream_status = 200;
  await eventually("it is open", () => fake.is_streaming);
});

for (const status of [403, 404, 410])
  test(`${status} on the stream shows that the page has ended`, async (t) => {
    t.expect_errors(AWAY);
    const fake = await open_page(t, PAGE);
    fake.stream_status = status;
    fake.cut();
    const card = t.page.getByRole("alertdialog", { name: "This page has ended" });
    await card.waitFor();
    assert.equal(await t.page.evaluate(() => document.activeElement.textContent),
      "Reload");
    await t.page.keyboard.press("Tab");
    assert.equal(await t.page.evaluate(() => document.activeElement.textContent),
      "Reload");
    const { length } = fake.streams;
    await t.page.evaluate(() => document.querySelector("#root button").click());
    fake.stream_status = 200;
    await t.page.keyboard.press("Enter");
    await eventually("it is reloaded", () => fake.is_streaming);
    assert.equal(fake.streams.length, length + 1);
    assert.equal(fake.events.length, 0);
  });

test("after stube-close nothing is opened, sent or said", async (t) => {
  t.expect_errors(AWAY);
  const fake = await open_page(t, PAGE);
  await fake.patch(`<p id="p">the end</p>`);
  await fake.send("stube-close", ["ended"]);
  await see(t.page, "the end");
  await eventually("the stream is closed", () => !fake.is_streaming);
  await t.page.click("text=Go");
  await t.page.waitForTimeout(1500);
  assert.equal(fake.streams.length, 1);
  assert.equal(fake.events.length, 0);
  assert.equal(await t.page.isVisible(NOTICE), false);
  assert.equal(await t.page.$(".stube-gone"), null);
});

test("a page from the back/forward cache goes on where it was", async (t) => {
  t.expect_errors(AWAY);
  const fake = await open_page(t, PAGE);
  await t.page.click("text=Go");
  const { id } = await fake.event(1);
  await fake.patch(`<p id="p">second</p>`, { id: "5.5" });
  await see(t.page, "second");
  // What the browser does to a page that it puts away and brings back.
  await t.page.evaluate(() =>
    dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
  await eventually("the stream is closed", () => !fake.is_streaming);
  await t.page.waitForTimeout(700);
  assert.equal(fake.streams.length, 1);
  await t.page.evaluate(() =>
    dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
  await eventually("it is open again", () => fake.streams.length === 2);
  assert.equal(fake.streams[1].last_id, "5.5");
  await t.page.click("text=Go");
  assert.equal((await fake.event(2)).id, id.replace(/1$/, "2"));
});

test("leaving the page and coming back gives a page that works", async (t) => {
  t.expect_errors(AWAY);
  const fake = await open_page(t, PAGE);
  await t.page.goto("about:blank");
  await t.page.goBack();
  await eventually("the stream is open", () => fake.is_streaming);
  await t.page.click("text=Go");
  assert.match((await fake.event(1)).id, /\.1$/);
});

test("the page's policy is not violated by anything the client does", async (t) => {
  const fake = await open_page(t, `<div data-signals="{open: false}"></div>
    <p id="p" data-show="$open">first</p><p id="q">x</p>`);
  await fake.patch(`<p id="q" data-init="@post('${url("hi").replace("&", "&amp;")}')">y</p>`);
  await fake.event(1);
  await fake.signals({ open: true });
  await t.page.waitForSelector("#p", { state: "visible" });
});
