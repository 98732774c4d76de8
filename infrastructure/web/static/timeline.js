/** What happened, newest first, by day; earlier days are fetched as the person gets there. */

import { clockTime, dayName } from "./dates.js";
import { arrange, element, icon, isolated, isolatedText } from "./dom.js";
import { fullName } from "./names.js";
import { UnplugError } from "./unplug-client.js";
import { happened } from "./words.js";

const LIST = { role: "list" }; // WebKit forgets it when list-style is none

export class Timeline {
  #days = document.getElementById("days");
  #filter = document.getElementById("filter");
  #earlier = document.getElementById("earlier");
  #trouble = document.getElementById("earlier-trouble");
  #start = document.getElementById("beginning");
  #empty = document.getElementById("no-events");
  #shown = new Map(); // position → entry
  #choices = "";
  #loading = false;
  #near = false; // the end of the list is on screen, or almost
  #store;
  #client;

  constructor(store, client) {
    this.#store = store;
    this.#client = client;
    this.#filter.addEventListener("change", () => this.#choose());
    this.#earlier.addEventListener("click", () => this.#loadEarlier());
    new IntersectionObserver(
      ([{ isIntersecting }]) => {
        this.#near = isIntersecting;
        this.#loadIfNear();
      },
      { rootMargin: "0px 0px 400px 0px" },
    ).observe(document.getElementById("earlier-mark"));
  }

  render() {
    if (!this.#store.loaded) return;
    this.#offerFilters();
    const { events, whole } = this.#store.timeline(this.#filter.value);
    this.#show(events);
    this.#days.removeAttribute("aria-busy");
    this.#empty.hidden = events.length > 0 || !whole;
    this.#start.hidden = events.length === 0 || !whole;
    this.#earlier.hidden = whole;
    if (whole) this.#trouble.hidden = true;
  }

  /** The server answers again: what was said of its absence is over. */
  answering() {
    this.#trouble.hidden = true;
  }

  /** Adds what is new and takes away what isn't wanted; the rest stays where it is. */
  #show(events) {
    const wanted = new Map(events.map((event) => [event.position, event]));
    for (const [position, { entry, event }] of this.#shown) {
      if (wanted.get(position) === event) continue;
      entry.remove();
      this.#shown.delete(position);
    }
    const days = new Map();
    for (const event of events) {
      const day = new Date(event.occurredAt).toDateString();
      if (!days.has(day)) days.set(day, []);
      days.get(day).push(this.#entry(event));
    }
    const sections = [...days].map(([day, entries]) => this.#day(day, entries));
    arrange(this.#days, sections);
  }

  #day(key, entries) {
    const known = [...this.#days.children].find((section) => section.dataset.day === key);
    const section = known ?? element("li", { "data-day": key }, element("h3"), element("ol", LIST));
    const [heading, list] = section.children;
    heading.textContent = dayName(entries[0].querySelector("time").dateTime);
    arrange(list, entries);
    return section;
  }

  #entry(event) {
    const known = this.#shown.get(event.position);
    if (known) return known.entry;
    const { title, detail, reason, icon: name, tone } = happened(
      event,
      this.#store.connections.get(event.connectionId),
      this.#store.asked(event),
    );
    const entry = element(
      "li",
      { class: `entry ${tone}`, "data-position": event.position },
      element("span", { class: "dot" }, icon(name)),
      element(
        "div",
        { class: "entry-text" },
        element("p", { class: "title" }, ...isolated(title)),
        detail && element("p", { class: "alias", dir: "auto" }, detail),
        reason && element("p", { class: "reason", dir: "auto" }, ...isolated(reason)),
      ),
      clockTime(event.occurredAt),
    );
    this.#shown.set(event.position, { entry, event });
    return entry;
  }

  #offerFilters() {
    const connections = [...this.#store.connections.values()];
    const choices = JSON.stringify(connections.map(({ id, alias }) => [id, alias]));
    if (choices === this.#choices) return;
    this.#choices = choices;
    this.#filter.parentElement.hidden = connections.length === 0;
    const chosen = this.#filter.value;
    this.#filter.replaceChildren(
      element("option", { value: "" }, "All connections"),
      ...connections.map((one) => element("option", { value: one.id }, isolatedText(fullName(one)))),
    );
    if (this.#store.connections.has(chosen)) this.#filter.value = chosen;
  }

  #choose() {
    this.#trouble.hidden = true;
    this.render();
    this.#loadIfNear();
  }

  #loadIfNear() {
    const { events, whole } = this.#store.timeline(this.#filter.value);
    const missing = this.#near || events.length === 0;
    if (this.#store.loaded && missing && !whole && this.#trouble.hidden) this.#loadEarlier();
  }

  async #loadEarlier() {
    if (this.#loading) return;
    this.#loading = true;
    this.#trouble.hidden = true;
    this.#earlier.setAttribute("aria-busy", "true");
    const filter = this.#filter.value;
    const before = this.#store.timeline(filter).events.at(-1)?.cursor ?? null;
    const { generation } = this.#store;
    try {
      const page = await this.#client.history({ before, connectionId: filter || null });
      if (generation === this.#store.generation) this.#store.addHistory(page, filter);
    } catch (error) {
      if (!(error instanceof UnplugError)) throw error;
      if (error.code === "INVALID_CURSOR") this.#client.reread();
      else this.#trouble.hidden = false; // and the button stays
    } finally {
      this.#loading = false;
      this.#earlier.removeAttribute("aria-busy");
    }
    this.render();
    requestAnimationFrame(() => this.#loadIfNear());
  }
}
