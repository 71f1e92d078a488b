// execute_script: a lone <script> that is appended to the body, as Datastar sends
// it. It runs under the page's own nonce; without one it cannot, and is left out.
// Scripts anywhere else in a patch are never run.

const nonce = document.querySelector("script[nonce]")?.nonce;

/** The script, when that is all that this patch is about. */
export function effect_script({ selector, mode, elements }) {
  if (selector !== "body" || mode !== "append" || !nonce) return null;
  const template = document.createElement("template");
  template.innerHTML = elements ?? "";
  const { children } = template.content;
  const lone = children.length === 1 && children[0];
  return lone && lone.localName === "script" && !lone.src ? lone : null;
}

/** Runs it: only an element that a script has made is ever executed. */
export function run_script(given) {
  const el = document.createElement("script");
  for (const { name, value } of given.attributes)
    if (name === "type" || name === "id") el.setAttribute(name, value);
  el.nonce = nonce;
  el.textContent = given.textContent;
  document.body.append(el);
  if (given.hasAttribute("data-effect")) el.remove();
}
