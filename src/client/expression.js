// The closed grammar of what stands in a data-* attribute, compiled to closures
// instead of eval, so that the page's policy needs no 'unsafe-eval'.
//
//   program  = expr { ";" expr }                    its value is the last one's
//   expr     = signal "=" expr | or
//   or       = and { "||" and }          and   = equal { "&&" equal }
//   equal    = order { "===" | "==" | "!==" | "!=" order }
//   order    = unary { "<" | "<=" | ">" | ">=" unary }
//   unary    = ( "!" | "-" ) unary | primary
//   primary  = literal | signal | ("evt" | "el") { "." name } | "(" expr ")"
//            | "@" name call | "confirm" call | list | object
//   signal   = "$" name { "." name }
//
// Nothing but an action or `confirm` can be called and nothing but a signal can
// be assigned, so reading a property of evt or el can do no harm.

const KINDS = [
  /(\d+\.?\d*)/, // number
  /('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")/, // string
  /(\$[\w$]+(?:\.[\w$]+)*)/, // signal
  /([A-Za-z_]\w*)/, // name
  /(===|!==|==|!=|<=|>=|&&|\|\||[=<>!(){}[\],:;.@-])/, // mark
];
const SOURCE = KINDS.map((kind) => kind.source).join("|");
const TOKEN = new RegExp(`\\s*(?:${SOURCE})`, "suy");
const LITERALS = { true: true, false: false, null: null, undefined };
const ESCAPES = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f", 0: "\0" };
const LEVELS = [
  ["||"],
  ["&&"],
  ["===", "==", "!==", "!="],
  ["<", "<=", ">", ">="],
];
const OPERATORS = {
  "||": (a, b) => (scope) => a(scope) || b(scope),
  "&&": (a, b) => (scope) => a(scope) && b(scope),
  "===": (a, b) => (scope) => a(scope) === b(scope),
  "!==": (a, b) => (scope) => a(scope) !== b(scope),
  "==": (a, b) => (scope) => a(scope) == b(scope),
  "!=": (a, b) => (scope) => a(scope) != b(scope),
  "<": (a, b) => (scope) => a(scope) < b(scope),
  "<=": (a, b) => (scope) => a(scope) <= b(scope),
  ">": (a, b) => (scope) => a(scope) > b(scope),
  ">=": (a, b) => (scope) => a(scope) >= b(scope),
};

function unquote(text) {
  const escape = /\\(?:u([\dA-Fa-f]{4})|x([\dA-Fa-f]{2})|(.))/gsu;
  return text.slice(1, -1).replace(escape, (_, u, x, c) =>
    c ? ESCAPES[c] ?? c : String.fromCharCode(parseInt(u ?? x, 16)));
}

function tokens(source) {
  const list = [];
  TOKEN.lastIndex = 0;
  while (source.slice(TOKEN.lastIndex).trim()) {
    const at = TOKEN.lastIndex;
    const m = TOKEN.exec(source);
    if (!m) throw new SyntaxError(`"${source}" at ${at}: not understood`);
    const [, number, string, signal, name, mark] = m;
    list.push(
      number ? { value: Number(number) }
      : string ? { value: unquote(string), string: true }
      : signal ? { signal: signal.slice(1) }
      : name ? { name } : { mark },
    );
  }
  return list;
}

/** Compiles `source` to a function of a scope `{get, set, call, evt, el}`.
 * `call(name, args)` does an action, or "confirm". Raises a SyntaxError. */
export function compile(source) {
  const list = tokens(source);
  let at = 0;

  const fail = (wanted) => {
    throw new SyntaxError(`"${source}": ${wanted} expected`);
  };
  const isNext = (mark) => list[at]?.mark === mark;
  const take = (mark) => isNext(mark) && ++at > 0;
  const need = (mark) => take(mark) || fail(mark);
  const need_name = () => list[at]?.name ? list[at++].name : fail("a name");

  // The items up to `end`, with commas between them and perhaps after them.
  function items(end, item) {
    const all = [];
    while (!take(end)) {
      all.push(item());
      if (!isNext(end)) need(",");
    }
    return all;
  }

  function call(name) {
    need("(");
    const args = items(")", expr);
    return (scope) => scope.call(name, args.map((arg) => arg(scope)));
  }

  function pair() {
    const token = list[at++] ?? fail("a key");
    const key = token.name ?? (token.signal ? fail("a key") : token.value);
    if (key === undefined) fail("a key");
    need(":");
    return [key, expr()];
  }

  function primary() {
    if (take("(")) {
      const inside = expr();
      need(")");
      return inside;
    }
    if (take("@")) return call(need_name());
    if (take("[")) {
      const all = items("]", expr);
      return (scope) => all.map((item) => item(scope));
    }
    if (take("{")) {
      const all = items("}", pair);
      return (scope) =>
        Object.fromEntries(all.map(([key, value]) => [key, value(scope)]));
    }
    const token = list[at++] ?? fail("something");
    if ("value" in token) return () => token.value;
    if (token.signal) return (scope) => scope.get(token.signal);
    const { name } = token;
    if (name === "confirm") return call(name);
    if (Object.hasOwn(LITERALS, name ?? "")) return () => LITERALS[name];
    if (name !== "evt" && name !== "el") fail("a value");
    const path = [];
    while (take(".")) path.push(need_name());
    return (scope) => path.reduce((value, key) => value?.[key], scope[name]);
  }

  function unary() {
    if (take("!")) {
      const negated = unary();
      return (scope) => !negated(scope);
    }
    if (take("-")) {
      const negated = unary();
      return (scope) => -negated(scope);
    }
    return primary();
  }

  function binary(level) {
    if (level === LEVELS.length) return unary();
    let left = binary(level + 1);
    while (LEVELS[level].includes(list[at]?.mark)) {
      const combine = OPERATORS[list[at++].mark];
      left = combine(left, binary(level + 1));
    }
    return left;
  }

  function expr() {
    const { signal } = list[at] ?? {};
    if (signal && list[at + 1]?.mark === "=") {
      at += 2;
      const value = expr();
      return (scope) => scope.set(signal, value(scope));
    }
    return binary(0);
  }

  const steps = [];
  while (at < list.length) {
    if (take(";")) continue;
    steps.push(expr());
    if (at < list.length && !isNext(";")) fail("; or the end");
  }
  return (scope) => {
    let value;
    for (const step of steps) value = step(scope);
    return value;
  };
}
