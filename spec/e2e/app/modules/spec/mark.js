// What spec/e2e/modules_spec.mjs finds on the page: how often this ran.
globalThis.marked = (globalThis.marked ?? 0) + 1;
