/** What the operator says of the app and its providers; the server writes it into the page. */

import { isolatedText } from "./dom.js";

const { app, reconnectUrl, providers } = document.body.dataset;
const CATALOGUE = new Map(Object.entries(JSON.parse(providers || "{}")));

/** The app, in the middle of a sentence and at its beginning. */
export const APP = app ? isolatedText(app) : "the app";
export const CAPITAL_APP = app ? APP : "The app";

/** Where users connect providers; empty when the operator gives no address. */
export const RECONNECT_URL = reconnectUrl || "";

const SMALL = new Set(["and", "of", "the"]); // inside a name

/** The catalogue's name, else the slug in words: `bank-of-america` is "Bank of America". */
export function providerName({ slug }) {
  const words = slug.split(/[-_\s]+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const spelt = words.map((word, place) => (place > 0 && SMALL.has(word) ? word : capital(word)));
  return CATALOGUE.get(slug)?.name || spelt.join(" ") || `Provider “${slug}”`;
}

/** With a capital letter; the first character may be two UTF-16 units. */
export function capital(words) {
  const [first, ...rest] = words;
  return first.toUpperCase() + rest.join("");
}

/** The same as it stands in a sentence. */
export function nameInSentence(provider) {
  return isolatedText(providerName(provider));
}

/** The address of the provider's picture, on this server; null when there is none. */
export function logo({ slug }) {
  return CATALOGUE.get(slug)?.logo ?? null;
}

/** Tells a connection from the others: "Schwab, My IRA". */
export function fullName({ provider, alias }) {
  return alias ? `${providerName(provider)}, ${alias}` : providerName(provider);
}
