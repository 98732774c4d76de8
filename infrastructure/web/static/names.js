/** What the operator says of the app and its providers; the server writes it into the page. */

const { app, reconnectUrl, providers } = document.body.dataset;
const CATALOGUE = new Map(Object.entries(JSON.parse(providers || "{}")));

/** The app's name, in the middle of a sentence. */
export const APP = app || "the app";

/** Where users connect providers; empty when the operator gives no address. */
export const RECONNECT_URL = reconnectUrl || "";

/** The catalogue's name, else the slug in words: `charles-schwab` is "Charles Schwab". */
export function providerName({ slug }) {
  const words = slug.split(/[-_\s]+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const spelt = words.map((word) => [...word][0].toUpperCase() + [...word].slice(1).join(""));
  return CATALOGUE.get(slug)?.name || spelt.join(" ") || `Provider “${slug}”`;
}

/** The address of the provider's picture, on this server; null when there is none. */
export function logo({ slug }) {
  return CATALOGUE.get(slug)?.logo ?? null;
}

/** Tells a connection from the others: "Schwab, My IRA". */
export function fullName({ provider, alias }) {
  return alias ? `${providerName(provider)}, ${alias}` : providerName(provider);
}
