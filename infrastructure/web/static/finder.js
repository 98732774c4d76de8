/** Search and filter, offered when there are more than ten connections. */

import { providerName } from "./names.js";

const MANY = 10;
const FILTERS = {
  all: () => true,
  connected: ({ status }) => status === "ACTIVE",
  attention: ({ status }) => ["EXPIRED", "REVOKED", "FAILED"].includes(status),
  disconnected: ({ status }) => status === "DISCONNECTED",
};

export class Finder {
  #place = document.getElementById("finder");
  #text = document.getElementById("search");
  #filter = document.getElementById("status-filter");

  /** Calls `changed` when the person looks for something else. */
  constructor(changed) {
    this.#text.addEventListener("input", changed);
    this.#filter.addEventListener("change", changed);
  }

  offer(count) {
    this.#place.hidden = count <= MANY && !this.active;
  }

  get active() {
    return this.#text.value.trim() !== "" || this.#filter.value !== "all";
  }

  /** Whether a connection is looked for: all words of the search, in any order. */
  finds(connection) {
    if (!FILTERS[this.#filter.value](connection)) return false;
    const { provider, alias } = connection;
    const text = `${providerName(provider)} ${provider.slug} ${alias ?? ""}`.normalize("NFKC").toLowerCase();
    const words = this.#text.value.normalize("NFKC").toLowerCase().split(/\s+/);
    return words.every((word) => text.includes(word));
  }
}
