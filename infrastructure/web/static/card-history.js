/** What was done to one connection, at the connection: fetched when its history is opened. */

import { moment } from "./dates.js";
import { element, isolated } from "./dom.js";
import { fullName } from "./names.js";
import { UnplugError } from "./unplug-client.js";
import { happened } from "./words.js";

export class CardHistory {
  #store;
  #client;
  #open = new Set(); // connection ids
  #failed = new Set();

  constructor(store, client) {
    this.#store = store;
    this.#client = client;
  }

  /** What is shown of it now, newest first; null while it is closed. */
  shown({ id }) {
    if (!this.#open.has(id)) return null;
    const { events, whole } = this.#store.timeline(id);
    return { positions: events.map(({ position }) => position), whole, failed: this.#failed.has(id) };
  }

  element(connection) {
    const open = this.#open.has(connection.id);
    const name = element("span", { class: "unseen" }, ": ", element("bdi", {}, fullName(connection)));
    const summary = element("summary", { "data-action": "history" }, "History", name);
    const details = element("details", { class: "history", open }, summary);
    if (open) details.append(...this.#content(connection));
    details.addEventListener("toggle", () => this.#toggle(connection.id, details.open));
    return details;
  }

  #content(connection) {
    const { id } = connection;
    const { events, whole } = this.#store.timeline(id);
    const entries = events.map((event) => {
      const { title, reason } = happened(event, connection, this.#store.asked(event));
      const why = reason && element("span", { class: "reason", dir: "auto" }, ...isolated(reason));
      return element("li", {}, element("span", {}, ...isolated(title)), moment(event.occurredAt), why);
    });
    const list = entries.length ? [element("ol", { role: "list" }, ...entries)] : [];
    if (this.#failed.has(id)) return [...list, element("p", {}, "The history can’t be loaded right now.")];
    if (!whole) return [...list, element("p", {}, "Loading…")];
    return entries.length ? list : [element("p", {}, "Nothing has happened since it was added.")];
  }

  #toggle(id, open) {
    if (open === this.#open.has(id)) return;
    if (open) this.#open.add(id);
    else this.#open.delete(id);
    this.#failed.delete(id);
    this.#store.changed();
    if (open) this.#load(id);
  }

  async #load(id) {
    const { generation } = this.#store;
    try {
      while (this.#open.has(id) && generation === this.#store.generation) {
        const { events, whole } = this.#store.timeline(id);
        if (whole) return;
        const page = await this.#client.history({ before: events.at(-1)?.cursor ?? null, connectionId: id });
        if (generation === this.#store.generation) this.#store.addHistory(page, id);
      }
    } catch (error) {
      if (!(error instanceof UnplugError)) throw error;
      this.#failed.add(id);
      this.#store.changed();
    }
  }
}
