/**
 * Reads again what no event says: connections that are new, or were imported; when data was last
 * fetched; what became of the access where a provider has no way to end it.
 */

import { UnplugError } from "./unplug-client.js";

const OFTEN = 60_000; // ms between two readings of all connections, while the page is looked at
const TICK = 5_000;
const SOON = 300; // ms, in which an answer or an event may say it after all

export class LookUps {
  #store;
  #client;
  #wanted = new Set(); // connection ids
  #running = false;
  #due = Date.now() + OFTEN; // the next reading of all connections
  live = false;

  constructor(store, client) {
    this.#store = store;
    this.#client = client;
    setInterval(() => this.refresh(), TICK);
    document.addEventListener("visibilitychange", () => this.refresh());
  }

  /** All connections, when they are due and the page is seen and live. */
  async refresh() {
    if (document.hidden || !this.live || Date.now() < this.#due) return;
    this.#due = Date.now() + OFTEN;
    const { newest } = this.#store;
    try {
      this.#store.merge(await this.#client.connections(), newest);
    } catch (error) {
      if (!(error instanceof UnplugError)) throw error;
    }
  }

  /** A connection was connected or disconnected: here or on another screen. */
  add(connectionId) {
    this.#wanted.add(connectionId);
    setTimeout(() => this.run(), SOON);
  }

  /** One after the other; what can't be read now is kept until the page is live again. */
  async run() {
    if (this.#running) return;
    this.#running = true;
    try {
      for (const id of this.#wanted) {
        if (!this.#store.connections.get(id)?.revocation) await this.#lookUp(id);
        this.#wanted.delete(id);
      }
    } catch (error) {
      if (!(error instanceof UnplugError)) throw error;
    } finally {
      this.#running = false;
    }
  }

  async #lookUp(id) {
    const { newest } = this.#store;
    const found = await this.#client.connection(id);
    const known = this.#store.connections.get(id);
    if (!found || known?.revocation) return;
    if (known) this.#store.merge([found], newest);
    else this.#store.put(found); // stays in sight, also when it has ended already
  }
}
