/** Says outcomes to people who don't see the page. Attempts and history are not said: too much talk. */

import { ATTEMPTED } from "./store.js";
import { happened } from "./words.js";

export class Announcements {
  #region = document.getElementById("announcement");

  add(event) {
    if (event.__typename === ATTEMPTED) return;
    const { title, reason } = happened(event);
    this.#region.textContent = [title, reason].filter(Boolean).join(". ");
  }
}
