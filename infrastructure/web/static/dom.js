/** Elements without markup strings: nothing that came over the network is ever parsed as HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** `element("button", {class: "quiet", onclick: …}, "Keep it")`; what is missing or false is left out. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter(Boolean));
  return made;
}

/** A name of any script and direction as it stands in a sentence: between marks of isolation (UAX #9). */
export function isolatedText(name) {
  return `\u2068${name.replace(/[\u2066-\u2069]/g, "")}\u2069`;
}

/** A sentence as nodes, in which each isolated name is an element of its own. */
export function isolated(sentence) {
  const parts = sentence.split(/\u2068([^\u2069]*)\u2069/);
  return parts.map((part, place) => (place % 2 ? element("bdi", {}, part) : part)).filter(Boolean);
}

/** One of the symbols of index.html; the words beside it say the same. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** A link to a page of another site; null unless its address is an https one. */
export function outwardLink(address, ...children) {
  if (!URL.canParse(address) || new URL(address).protocol !== "https:") return null;
  return element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

/** Gives `parent` these children; focus stays on the control with the same `data-action`. */
export function refill(parent, ...children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  parent.replaceChildren(...children);
  if (!focused || focused === parent) return;
  const action = focused.dataset.action;
  const again = action && parent.querySelector(`[data-action="${action}"]`);
  (again || parent).focus({ preventScroll: true });
}

/** Makes `children` the parent's children without moving those that are in place. */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, place) => {
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
  });
}
