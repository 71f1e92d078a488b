// Server-sent events out of a byte stream: lines, fields, blank line. Knows
// nothing of what the events mean.

/** Returns a function to feed decoded text to, in any pieces. `on_event` gets
 * `{event, id, data}` (data: its lines); `on_retry` the milliseconds asked for.
 * */
export function sse_parser(on_event, on_retry) {
  let rest = "";
  let had_cr = false;
  let event = "";
  let id;
  let data = [];

  function on_line(line) {
    if (line === "") {
      if (event || data.length) on_event({ event, id, data });
      event = "";
      id = undefined;
      data = [];
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment: only proof that the stream lives
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data.push(value);
    else if (field === "event") event = value;
    else if (field === "id") id = value;
    else if (field === "retry" && /^\d+$/.test(value)) on_retry(Number(value));
  }

  return (text) => {
    if (!text) return;
    // \r alone ends a line; a \n that comes after it belongs to it.
    const is_half = had_cr && text.startsWith("\n");
    had_cr = text.endsWith("\r");
    const lines = (rest + text.slice(is_half ? 1 : 0)).split(/\r\n|\n|\r/);
    rest = lines.pop();
    lines.forEach(on_line);
  };
}
