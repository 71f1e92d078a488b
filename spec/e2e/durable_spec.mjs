// /durable: two visitors, days between them, and a server that is killed whenever it
// hurts: while a flow waits in a loop in a pcall, before and after its reminder, and
// once the decision is made.

import assert from "node:assert/strict";
import { button, eventually, see, test, with_store } from "./harness.mjs";

const another = async (t) => (await t.newContext()).newPage();

async function ask(page, what, amount) {
  await page.getByLabel("What for").fill(what);
  await page.getByLabel("Amount").fill(String(amount));
  await button(page, "Ask for it").click();
  await see(page, "Waiting for approval");
}

test("an expense is asked for, reminded of and approved through three kills", (t) =>
  with_store(t, async () => {
    const { page: asks, server } = t;
    const decides = await another(t);
    await asks.goto(await server.at("/durable?remind=1"));
    await ask(asks, "A chair", 240);
    await server.restart();
    await decides.goto(await server.at("/durable/desk"));
    await decides.getByText("A chair: 240.00").waitFor();
    await eventually("it is reminded of", () =>
      decides.getByText(/reminded \d+×/).count(), 20_000);
    await server.restart();
    await asks.getByText(/Reminders sent: \d+/).waitFor();
    await button(decides, "Approve").click();
    await see(decides, "Nothing to do.");
    await server.restart();
    await eventually("the answer is there", () =>
      asks.getByText("A chair was approved.").count(), 20_000);
    await button(asks, "Another one").click();
    await asks.getByRole("heading", { name: "A new expense" }).waitFor();
  }));

test("one that is withdrawn leaves the desk; one that is rejected says so", (t) =>
  with_store(t, async () => {
    const { page: asks, server } = t;
    const decides = await another(t);
    await asks.goto(await server.at("/durable"));
    await decides.goto(await server.at("/durable/desk"));
    await ask(asks, "A boat", 90000);
    await decides.getByText("A boat: 90000.00").waitFor();
    await button(asks, "Withdraw").click();
    await see(asks, "A boat was withdrawn.");
    await see(decides, "Nothing to do.");
    await button(asks, "Another one").click();
    await ask(asks, "A bigger boat", 180000);
    await button(decides, "Reject").click();
    await see(asks, "A bigger boat was rejected.");
    assert.equal(await asks.getByText("Reminders sent").count(), 0);
  }));
