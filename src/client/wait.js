// Waiting for a server that is away: longer each time, never in step with the
// other pages that wait, and cut short as soon as there is a sign of life.

const FIRST_MS = 400;
const LONGEST_MS = 15_000;
const LONGEST_ASKED_MS = 120_000;

const sleepers = new Set();

/** A sign of life: whoever pauses tries again now. */
export function wake() {
  for (const up of [...sleepers]) up();
}
addEventListener("online", wake);

/** Pauses before attempt `n` + 1 (n from 0), or as long as `asked_ms`, the
 * server's own wish, which no sign of life cuts short. */
export function pause(n, asked_ms = 0, first_ms = FIRST_MS) {
  const most = Math.min(LONGEST_MS, first_ms * 2 ** Math.min(n, 10));
  const jittered = most * (0.5 + Math.random() / 2);
  const ms = Math.max(jittered, Math.min(asked_ms, LONGEST_ASKED_MS));
  return new Promise((resolve) => {
    const up = () => {
      clearTimeout(timer);
      sleepers.delete(up);
      resolve();
    };
    const timer = setTimeout(up, ms);
    if (!asked_ms) sleepers.add(up);
  });
}

/** The Retry-After of an answer, in milliseconds; 0 if it has none. */
export function retry_after(response) {
  return (Number(response.headers.get("Retry-After")) || 0) * 1000;
}
