/** The list of connections: one card each, redrawn only when something about it has changed. */

import { date, moment, clockTime } from "./dates.js";
import { element, icon, outwardLink, refill } from "./dom.js";
import { STATUS, endedAt, failure, fullName, providerName } from "./words.js";

const TILES = 6; // colours of the providers' initials, in connections.css

export class Connections {
  #list = document.getElementById("connections");
  #summary = document.getElementById("connections-summary");
  #cards = new Map(); // connection id → {card, drawn: what it shows}
  #store;
  #requests;
  #actions;

  /** `actions`: `ask(connection)`, `retry(connection)`, `dismiss(connection)`, `reread()`. */
  constructor(store, requests, actions) {
    this.#store = store;
    this.#requests = requests;
    this.#actions = actions;
  }

  /** `mayAsk` is false while the person is signed out. */
  render(mayAsk) {
    if (!this.#store.loaded) return;
    const connections = [...this.#store.connections.values()];
    this.#summary.textContent = summary(connections);
    document.getElementById("no-connections").hidden = connections.length > 0;
    this.#list.hidden = connections.length === 0;
    this.#list.removeAttribute("aria-busy");
    const cards = connections.map((connection) => this.#card(connection, mayAsk));
    const same = cards.every((card, place) => this.#list.children[place] === card);
    if (!same || this.#list.children.length !== cards.length) this.#list.replaceChildren(...cards);
  }

  #card(connection, mayAsk) {
    const phase = this.#requests.phase(connection);
    const drawn = JSON.stringify([connection, phase, mayAsk]);
    let known = this.#cards.get(connection.id);
    if (!known) {
      known = { card: element("li", { class: "card", tabindex: "-1" }) };
      this.#cards.set(connection.id, known);
    }
    if (known.drawn !== drawn) {
      known.drawn = drawn;
      known.card.dataset.phase = phase.name;
      refill(known.card, ...this.#content(connection, phase, mayAsk));
    }
    return known.card;
  }

  #content(connection, phase, mayAsk) {
    const name = providerName(connection.provider);
    return [
      element("span", { class: `tile tile-${tile(name)}`, "aria-hidden": "true" }, name[0] ?? "?"),
      element(
        "div",
        { class: "card-text" },
        element("h3", {}, name),
        connection.alias && element("p", { class: "alias" }, connection.alias),
        element("p", { class: "facts" }, statusChip(connection, phase), ...times(connection, phase)),
        connection.revocation && atProvider(name, connection.revocation),
      ),
      phase.name === "idle" ? this.#disconnectButton(connection, mayAsk) : null,
      phase.name === "failed" ? this.#problem(connection, phase, mayAsk) : null,
    ].filter(Boolean);
  }

  #disconnectButton(connection, mayAsk) {
    return element(
      "button",
      {
        type: "button",
        class: "button",
        "data-action": "disconnect",
        disabled: !mayAsk,
        onclick: () => this.#actions.ask(connection),
      },
      "Disconnect",
      element("span", { class: "unseen" }, ` ${fullName(connection)}`),
    );
  }

  #problem(connection, { reason }, mayAsk) {
    const missing = reason === "CONNECTION_NOT_FOUND";
    const again = missing ? "Reload my connections" : "Try again";
    const act = missing ? this.#actions.reread : () => this.#actions.retry(connection);
    return element(
      "div",
      { class: "problem" },
      element("p", {}, failure(reason, providerName(connection.provider))),
      element(
        "p",
        { class: "ways-on" },
        button(again, connection, "disconnect", act, !mayAsk),
        missing ? null : button("Dismiss", connection, "leave", () => this.#actions.dismiss(connection)),
      ),
    );
  }
}

function button(text, connection, action, onclick, disabled = false) {
  const about = element("span", { class: "unseen" }, `: ${fullName(connection)}`);
  const attributes = { type: "button", class: "button", "data-action": action, disabled, onclick };
  return element("button", attributes, text, about);
}

function statusChip(connection, phase) {
  if (phase.name === "asking" || phase.name === "running") {
    const word = phase.name === "asking" ? "Requesting…" : "Disconnecting…";
    return element("span", { class: "chip busy" }, icon("busy"), word);
  }
  const status = STATUS[connection.status];
  return element("span", { class: `chip ${status.tone}` }, icon(status.icon), status.word);
}

/** What became of the access at the provider, and where to see to it if it may be there still. */
function atProvider(name, revocation) {
  const { icon: symbol, tone, text, link, otherwise } = endedAt(name, revocation);
  const there = link && outwardLink(revocation.manageUrl, link, element("span", { class: "unseen" }, ` at ${name}`));
  const way = link ? [": ", there || otherwise] : [];
  return element("p", { class: `at-provider ${tone}` }, icon(symbol), element("span", {}, text, ...way));
}

function times(connection, phase) {
  if (phase.name === "asking") return [];
  if (phase.name === "running") {
    return [element("span", {}, "Requested at ", clockTime(phase.asked.occurredAt))];
  }
  const over = connection.status === "DISCONNECTED";
  const { since, at } = STATUS[connection.status];
  const parts = [];
  if (connection[at]) {
    parts.push(element("span", {}, `${since} `, (over ? moment : date)(connection[at])));
  }
  if (connection.lastSyncAt && !over) {
    parts.push(element("span", {}, "Last updated ", moment(connection.lastSyncAt)));
  }
  return parts;
}

function summary(connections) {
  if (connections.length === 0) return "";
  const over = connections.filter((connection) => connection.status === "DISCONNECTED").length;
  return over ? `${connections.length} in total, ${over} disconnected` : `${connections.length} in total`;
}

function tile(name) {
  return [...name].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % TILES;
}
