/** What a connection's card says. */

import { clockTime, date, moment } from "./dates.js";
import { element, icon, isolated, outwardLink } from "./dom.js";
import { APP, RECONNECT_URL, fullName, logo, nameInSentence, providerName } from "./names.js";
import { endedAt } from "./revocation-words.js";
import { STATUS, endedBy, failure, reconnect } from "./words.js";

const TILES = 6; // colours of the providers' initials, in connections.css

/**
 * `shown` is `{connection, phase, mayAsk, lostAt, asked}`; `actions` are `ask`, `retry` and `dismiss`,
 * which take the connection, and `reread`.
 */
export function cardContent({ connection, phase, mayAsk, lostAt, asked }, actions) {
  const name = providerName(connection.provider);
  const over = connection.status === "DISCONNECTED";
  return [
    tile(connection.provider, name),
    element(
      "div",
      { class: "card-text" },
      element("h3", { dir: "auto" }, name),
      connection.alias && element("p", { class: "alias", dir: "auto" }, connection.alias),
      element("p", { class: "facts" }, statusChip(connection, phase), ...times(connection, phase, lostAt)),
      over && asked && ending(asked),
      STATUS[connection.status].lost && phase.name === "idle" && reconnectHint(connection),
      connection.revocation && atProvider(connection),
    ),
    phase.name === "idle" ? disconnectButton(connection, mayAsk, actions) : null,
    phase.name === "failed" ? problem(connection, phase, mayAsk, actions) : null,
  ].filter(Boolean);
}

function tile(provider, name) {
  const picture = logo(provider);
  if (picture) {
    const image = element("img", { src: picture, alt: "", width: 44, height: 44, loading: "lazy" });
    return element("span", { class: "tile picture", "aria-hidden": "true" }, image);
  }
  const letters = [...name];
  const colour = letters.reduce((sum, letter) => sum + letter.codePointAt(0), 0) % TILES;
  return element("span", { class: `tile tile-${colour}`, "aria-hidden": "true" }, letters[0]);
}

function disconnectButton(connection, mayAsk, actions) {
  return element(
    "button",
    {
      type: "button",
      class: "button",
      "data-action": "disconnect",
      disabled: !mayAsk,
      onclick: () => actions.ask(connection),
    },
    "Disconnect",
    element("span", { class: "unseen" }, " ", element("bdi", {}, fullName(connection))),
  );
}

function problem(connection, { reason }, mayAsk, actions) {
  const missing = reason === "CONNECTION_NOT_FOUND";
  const again = missing ? "Reload my connections" : "Try again";
  const act = missing ? actions.reread : () => actions.retry(connection);
  return element(
    "div",
    { class: "problem" },
    element("p", {}, ...isolated(failure(reason, nameInSentence(connection.provider)))),
    element(
      "p",
      { class: "ways-on" },
      button(again, connection, "disconnect", act, !mayAsk),
      missing ? null : button("Dismiss", connection, "leave", () => actions.dismiss(connection)),
    ),
  );
}

function button(text, connection, action, onclick, disabled = false) {
  const about = element("span", { class: "unseen" }, ": ", element("bdi", {}, fullName(connection)));
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

/** Only dates that were observed: of access that was lost, often only when it was connected is known. */
function times(connection, phase, lostAt) {
  if (phase.name === "asking") return [];
  if (phase.name === "running") {
    return [element("span", {}, "Requested at ", clockTime(phase.asked.occurredAt))];
  }
  const over = connection.status === "DISCONNECTED";
  const { since, at, lost } = STATUS[connection.status];
  const parts = [];
  const add = (word, time) => parts.push(element("span", {}, `${word} `, time));
  if (lostAt) add("Since", date(lostAt));
  else if (lost && connection.connectedAt) add("Connected on", date(connection.connectedAt));
  if (connection[at]) add(since, (over ? moment : date)(connection[at]));
  if (connection.lastSyncAt && !over) add("Last updated", moment(connection.lastSyncAt));
  return parts;
}

/** By whom and why it was ended. */
function ending(asked) {
  const note = asked.note && element("span", { class: "note" }, "“", element("bdi", {}, asked.note), "”");
  return element("p", { class: "ending" }, ...isolated(endedBy(asked)), note && ": ", note);
}

function reconnectHint({ status, provider }) {
  const link = outwardLink(RECONNECT_URL, ...isolated(`Open ${APP}`));
  const words = isolated(reconnect(status, nameInSentence(provider)));
  return element("p", { class: "hint" }, ...words, link && " ", link);
}

/** What became of the access at the provider, and where to see to it if it may be there still. */
function atProvider({ provider, revocation }) {
  const name = nameInSentence(provider);
  const { icon: symbol, tone, text, link, otherwise } = endedAt(name, revocation);
  const unseen = () => element("span", { class: "unseen" }, ...isolated(` at ${name}`));
  const there = link && outwardLink(revocation.manageUrl, link, unseen());
  const way = link ? [": ", ...(there ? [there] : isolated(otherwise))] : [];
  const sentence = element("span", {}, ...isolated(text), ...way);
  return element("p", { class: `at-provider ${tone}` }, icon(symbol), sentence);
}
