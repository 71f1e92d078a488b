// /primes: sums in a worker thread.

import { button, see, test } from "./harness.mjs";

test("the prime before a number is found, and the next one asked for", async (t) => {
  const { page, server } = t;
  await page.goto(await server.at("/primes"));
  const find = async (n) => {
    await page.getByRole("spinbutton").fill(String(n));
    await button(page, "Find it").click();
  };
  await find(100);
  await see(page, "Before 100 comes 97. The next one?");
  await find(2);
  await see(page, "There is none before 2. The next one?");
  await find(10000000000000);
  await see(page, "Before 10000000000000 comes 9999999999971. The next one?");
  await find(1e14);
  await see(page, "A whole number up to 10000000000000, please");
});
