/** "Disconnect all": a question that lists and counts, and what came of it. */

import { element } from "./dom.js";
import { fullName } from "./names.js";
import { OF_OUTAGES } from "./requests.js";
import { UnplugError } from "./unplug-client.js";
import { failure } from "./words.js";

export class DisconnectAll {
  #button = document.getElementById("disconnect-all");
  #dialog = document.getElementById("all-confirmation");
  #list = document.getElementById("all-list");
  #notice = document.getElementById("all-notice");
  #words = document.getElementById("all-words");
  #again = document.getElementById("all-again");
  #changed = this.#dialog.querySelector("[data-changed]");
  #asked = "";
  #lost = false; // no answer has come
  #back = false; // and the server answers again
  #batch = null; // {batchId, expectedCount}, until it is known what became of it
  #store;
  #client;

  constructor(store, client) {
    this.#store = store;
    this.#client = client;
    const dialog = this.#dialog;
    this.#button.addEventListener("click", () => this.#ask());
    this.#again.addEventListener("click", () => this.#send());
    dialog.querySelector("[data-action=keep]").addEventListener("click", () => dialog.close());
    dialog.querySelector("[data-action=disconnect]").addEventListener("click", () => {
      dialog.close();
      this.#batch = { batchId: uuid(), expectedCount: this.#list.children.length };
      this.#send();
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // the backdrop: the content fills the rest
    });
  }

  render(mayAsk) {
    const remaining = this.#store.remaining();
    this.#button.hidden = remaining.length < 2;
    this.#button.disabled = !mayAsk;
    this.#again.disabled = !mayAsk;
    if (this.#dialog.open) this.#question(remaining);
    if (this.#dialog.open && remaining.length === 0) this.#dialog.close();
    if (this.#lost && this.#back) this.#left(remaining.length);
  }

  /** The server answers again: what has become of a request whose answer was lost shows in the list. */
  answering() {
    this.#back = this.#lost;
  }

  #ask(changed = false) {
    this.#lost = this.#back = false;
    this.#notice.hidden = true;
    this.#changed.hidden = !changed;
    this.#question(this.#store.remaining());
    this.#dialog.showModal();
  }

  /** What is asked stays true while the question is open. */
  #question(remaining) {
    const asked = JSON.stringify(remaining.map(({ id, alias }) => [id, alias]));
    if (asked === this.#asked) return;
    this.#asked = asked;
    const count = remaining.length;
    this.#dialog.querySelector("[data-connections]").textContent =
      count === 1 ? "1 connection" : `all ${count} connections`;
    this.#dialog.querySelector("[data-all]").textContent = count === 1 ? "it" : `all ${count}`;
    const names = remaining.map((one) => element("li", {}, element("bdi", {}, fullName(one))));
    this.#list.replaceChildren(...names);
  }

  /** What a request has left to do of which no answer came. */
  #left(count) {
    if (count > 0) {
      const left = count === 1 ? "1 connection is" : `${count} connections are`;
      this.#say(`No answer arrived, and ${left} not disconnected yet. It is safe to try again.`, "Try again");
    } else {
      this.#lost = this.#back = false;
      this.#say(done(this.#batch.expectedCount));
    }
  }

  async #send() {
    const { batchId, expectedCount } = this.#batch;
    this.#lost = this.#back = false;
    this.#say(`Disconnecting ${connections(expectedCount)}…`);
    try {
      await this.#answered(await this.#client.disconnectAll(expectedCount, batchId));
    } catch (error) {
      if (!(error instanceof UnplugError)) throw error;
      this.#lost = error.code === "UNREACHABLE";
      this.#say(why(error.code), "Try again");
    }
  }

  async #answered(result) {
    switch (result.__typename) {
      case "DisconnectAllProvidersSuccess":
        if (result.failed === 0) this.#say(done(result.disconnected));
        else {
          const all = connections(result.disconnected + result.failed);
          this.#say(`${result.failed} of ${all} could not be disconnected.`, "Try again");
        }
        return;
      case "ConnectionCountChanged":
        await this.#askAgain();
        return;
      default:
        this.#say(why(result.__typename), "Try again");
    }
  }

  /** The list isn't the one that the person said yes to. */
  async #askAgain() {
    const { newest } = this.#store;
    this.#store.merge(await this.#client.connections(), newest);
    if (this.#store.remaining().length > 0) this.#ask(true);
    else this.#say("Everything was disconnected already.");
  }

  #say(words, again = "") {
    this.#notice.hidden = false;
    this.#words.textContent = words;
    this.#again.hidden = !again;
    this.#notice.classList.toggle("calm", !again);
  }
}

function why(code) {
  if (OF_OUTAGES.has(code)) return failure(code);
  if (code === "UNREACHABLE") {
    return "No answer arrived. What was disconnected appears below. It is safe to try again.";
  }
  return "A server error occurred. It is safe to try again.";
}

function connections(count) {
  return count === 1 ? "1 connection" : `${count} connections`;
}

function done(count) {
  return count === 1 ? "1 connection was disconnected." : `${count} connections were disconnected.`;
}

/** A random UUID, also where `crypto.randomUUID` is missing: on pages without TLS. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}
