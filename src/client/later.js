// Debounced and throttled calls. What waits in a debounce can be brought
// forward, so that a click is never overtaken by the typing that came before
// it.

const waiting = new Set();

/** Does now what waits, in the order in which it began to. */
export function flush() {
  for (const now of [...waiting]) now();
}

/** `fn`, called once `ms` have passed without another call. `.cancel()`
 * forgets. */
export function debounce(fn, ms) {
  let timer;
  let latest;
  const cancel = () => {
    clearTimeout(timer);
    waiting.delete(now);
  };
  const now = () => {
    cancel();
    fn(...latest);
  };
  return Object.assign((...args) => {
    latest = args;
    cancel();
    waiting.add(now);
    timer = setTimeout(now, ms);
  }, { cancel });
}

/** `fn`, called at once and then not again for `ms`. */
export function throttle(fn, ms) {
  let until = 0;
  return (...args) => {
    const now = performance.now();
    if (now < until) return;
    until = now + ms;
    fn(...args);
  };
}
