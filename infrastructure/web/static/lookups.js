/** Reads again what no event says: where a provider has no way to end access, there are no events of it. */

import { UnplugError } from "./unplug-client.js";

const SOON = 300; // ms, in which an answer or an event may say it after all

export class LookUps {
  #store;
  #client;
  #wanted = new Set(); // connection ids
  #running = false;

  constructor(store, client) {
    this.#store = store;
    this.#client = client;
  }

  /** A connection was disconnected: here or on another screen. */
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
    const found = await this.#client.connection(id);
    const known = this.#store.connections.get(id);
    if (found && known && !known.revocation) this.#store.put(found);
  }
}
