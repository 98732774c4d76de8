/** What the person asked for in this tab, and how far every connection is with it. */

import { UnplugError } from "./unplug-client.js";

/** Codes of refusals that pass, before which nothing was done. */
export const OF_OUTAGES = new Set(["SERVICE_UNAVAILABLE", "UNAUTHENTICATED", "RATE_LIMITED"]);

export class Requests {
  #store;
  #client;
  #sent = new Map(); // connection id → {state, reason, before: the newest attempt before this one}
  #dismissed = new Set(); // attempts whose failure was read

  constructor(store, client) {
    this.#store = store;
    this.#client = client;
  }

  /** Disconnects; how that goes shows in `phase`. */
  async disconnect(connectionId) {
    const before = this.#store.attempt(connectionId);
    this.#set(connectionId, { state: "asking", before });
    try {
      const result = await this.#client.disconnect(connectionId);
      if (result.__typename === "DisconnectProviderSuccess") {
        this.#sent.delete(connectionId);
        this.#store.put(result.connectedProvider);
      } else {
        const missing = result.__typename === "ConnectionNotFound";
        const reason = missing ? "CONNECTION_NOT_FOUND" : "DATABASE_ERROR";
        this.#set(connectionId, { state: "failed", reason, before });
      }
    } catch (error) {
      if (!(error instanceof UnplugError)) throw error;
      this.#set(connectionId, { state: "failed", reason: error.code, before });
    }
  }

  /**
   * The server answers again: what was said of its absence is over. A request whose answer was lost
   * shows in the events, if it was received; if it wasn't, the person must hear that.
   */
  answering() {
    for (const [id, { reason, before }] of this.#sent) {
      if (reason === "UNREACHABLE") this.#sent.set(id, { state: "failed", reason: "NOT_RECEIVED", before });
      else if (OF_OUTAGES.has(reason)) this.#sent.delete(id);
    }
    this.#store.changed();
  }

  /** The failure was read: the card is as before. */
  dismiss(connectionId) {
    this.#dismissed.add(this.#store.attempt(connectionId));
    this.#sent.delete(connectionId);
    this.#store.changed();
  }

  /**
   * `disconnected`, `running` (the attempt is recorded), `asking` (not yet), `failed` or `idle`.
   * What the events say goes before what was answered here: an answer may be lost, an event is not.
   */
  phase(connection) {
    if (connection.status === "DISCONNECTED") return { name: "disconnected" };
    const attempt = this.#store.attempt(connection.id);
    if (attempt && !attempt.outcome) return { name: "running", asked: attempt.asked };
    const sent = this.#sent.get(connection.id);
    if (sent && sent.before === attempt) return { name: sent.state, reason: sent.reason };
    if (attempt?.live && attempt.outcome.reason && !this.#dismissed.has(attempt)) {
      return { name: "failed", reason: attempt.outcome.reason };
    }
    return { name: "idle" };
  }

  #set(connectionId, request) {
    this.#sent.set(connectionId, request);
    this.#store.changed();
  }
}
