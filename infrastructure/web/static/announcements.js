/** Announces outcomes to screen readers. Attempts and history are left out: they would be too much. */

import { isolated } from "./dom.js";
import { ATTEMPTED, REVOCATION_ATTEMPTED } from "./store.js";
import { happened } from "./words.js";

export class Announcements {
  #region = document.getElementById("announcement");

  add(event, connection, asked) {
    if ([ATTEMPTED, REVOCATION_ATTEMPTED].includes(event.__typename)) return;
    const { title, reason } = happened(event, connection, asked);
    const words = [title, reason].filter(Boolean).join(". ");
    this.#region.replaceChildren(...isolated(words));
  }
}
