/** Whether what the page shows is up to date: an icon, a word, and what can be done about it. */

import { icon } from "./dom.js";

const STATES = {
  connecting: { word: "Connecting…", icon: "busy", tone: "quiet" },
  reconnecting: { word: "Reconnecting…", icon: "busy", tone: "warn" },
  waiting: { word: "Reconnecting…", icon: "offline", tone: "warn" },
  live: { word: "Up to date", icon: "live", tone: "good" },
  token: { word: "Signed out", icon: "lock", tone: "warn" },
  stale: { word: "Reloading your history…", icon: "busy", tone: "warn" },
};

export class Status {
  #place = document.getElementById("status");
  #mark = document.getElementById("status-mark");
  #word = document.getElementById("status-word"); // a live region: only words that stay a while
  #countdown = document.getElementById("status-countdown");
  #retry = document.getElementById("retry");
  #wasLive = false;
  #ticking = null;

  constructor(retry) {
    this.#retry.addEventListener("click", retry);
  }

  /** @param {import("./unplug-client.js").State} state */
  show({ name, delay = 0 }) {
    this.#wasLive ||= name === "live";
    const shown = name === "connecting" && this.#wasLive ? "reconnecting" : name;
    const { word, icon: symbol, tone } = STATES[shown];
    this.#place.dataset.state = shown;
    this.#place.className = `chip ${shown === "token" && !this.#wasLive ? "quiet" : tone}`;
    this.#mark.replaceChildren(icon(symbol));
    if (this.#word.textContent !== word) this.#word.textContent = word;
    clearInterval(this.#ticking);
    this.#count(shown === "waiting" ? Date.now() + delay : null);
  }

  #count(until) {
    const focused = document.activeElement === this.#retry;
    this.#retry.hidden = until === null && !focused; // focus isn't taken away by a short try
    this.#countdown.textContent = "";
    if (until === null) return;
    const tick = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      this.#countdown.textContent = seconds > 0 ? `in ${seconds} s` : "now";
    };
    tick();
    this.#ticking = setInterval(tick, 1000);
  }
}
