/** Announces outcomes to screen readers. Attempts and history are left out: they would be too much. */

import { ATTEMPTED, REVOCATION_ATTEMPTED } from "./store.js";
import { happened } from "./words.js";

export class Announcements {
  #region = document.getElementById("announcement");

  add(event, asked) {
    if ([ATTEMPTED, REVOCATION_ATTEMPTED].includes(event.__typename)) return;
    const { title, reason } = happened(event, null, asked);
    this.#region.textContent = [title, reason].filter(Boolean).join(". ");
  }
}
