/** The lists of connections: a card each, redrawn only when something about it has changed. */

import { cardContent } from "./card.js";
import { arrange, element, refill } from "./dom.js";

const SHOWN = 25; // cards of a list at first, and more at a time

export class Connections {
  #open = list("connections", "more-connections");
  #over = list("disconnected", "more-disconnected");
  #fold = document.getElementById("fold");
  #foldCount = document.getElementById("fold-count");
  #summary = document.getElementById("connections-summary");
  #cards = new Map(); // connection id → {card, drawn: what it shows}
  #print = matchMedia("print");
  #mayAsk = false;
  #wasLooking = false;
  #store;
  #requests;
  #finder;
  #history;
  #actions;

  /** `actions`: `ask(connection)`, `retry(connection)`, `dismiss(connection)`, `reread()`. */
  constructor(store, requests, { finder, history, actions }) {
    this.#store = store;
    this.#requests = requests;
    this.#finder = finder;
    this.#history = history;
    this.#actions = actions;
    this.#print.addEventListener("change", () => this.#forPaper());
    for (const group of [this.#open, this.#over]) {
      group.more.addEventListener("click", () => this.#showMore(group));
    }
  }

  /** `mayAsk` is false while the person is signed out. */
  render(mayAsk = this.#mayAsk) {
    this.#mayAsk = mayAsk;
    if (!this.#store.loaded) return;
    const { open, over } = this.#store.groups();
    const finds = (connection) => this.#finder.finds(connection);
    this.#finder.offer(open.length + over.length);
    this.#summary.textContent = summary(open.concat(over));
    document.getElementById("no-connections").hidden = open.length + over.length > 0;
    this.#draw(this.#open, open.filter(finds));
    this.#foldAway(over, over.filter(finds));
    document.getElementById("none-found").hidden =
      !this.#finder.active || open.some(finds) || over.some(finds);
  }

  #foldAway(over, found) {
    this.#fold.hidden = found.length === 0;
    this.#foldCount.textContent = found.length === over.length ? over.length : `${found.length} of ${over.length}`;
    const { active } = this.#finder;
    if (active && !this.#wasLooking) this.#fold.open = true;
    this.#wasLooking = active;
    this.#draw(this.#over, found);
  }

  #draw(group, connections) {
    const shown = this.#print.matches ? connections : connections.slice(0, group.shown);
    group.element.hidden = shown.length === 0;
    group.element.removeAttribute("aria-busy");
    arrange(group.element, shown.map((connection) => this.#card(connection)));
    const rest = connections.length - shown.length;
    group.more.hidden = rest === 0;
    group.more.textContent = `Show ${Math.min(rest, SHOWN)} more of ${rest}`;
  }

  #showMore(group) {
    const next = group.element.children.length;
    group.shown += SHOWN;
    this.render();
    group.element.children[next]?.focus();
  }

  /** On paper everything is there. */
  #forPaper() {
    if (this.#print.matches) {
      this.#fold.dataset.wasOpen = this.#fold.open;
      this.#fold.open = true;
    } else this.#fold.open = this.#fold.dataset.wasOpen === "true";
    this.render();
  }

  #card(connection) {
    const phase = this.#requests.phase(connection);
    const shown = {
      connection,
      phase,
      mayAsk: this.#mayAsk,
      lostAt: this.#store.lostAt(connection),
      asked: this.#store.attempt(connection.id)?.asked ?? null,
    };
    const drawn = JSON.stringify([shown, this.#history.shown(connection)]);
    let known = this.#cards.get(connection.id);
    if (!known) {
      known = { card: element("li", { class: "card", tabindex: "-1" }) };
      this.#cards.set(connection.id, known);
    }
    if (known.drawn !== drawn) {
      known.drawn = drawn;
      known.card.dataset.phase = phase.name;
      refill(known.card, ...cardContent(shown, this.#actions), this.#history.element(connection));
    }
    return known.card;
  }
}

function list(id, more) {
  return { element: document.getElementById(id), more: document.getElementById(more), shown: SHOWN };
}

function summary(connections) {
  if (connections.length === 0) return "";
  const over = connections.filter((connection) => connection.status === "DISCONNECTED").length;
  return over ? `${connections.length} in total, ${over} disconnected` : `${connections.length} in total`;
}
