/** The question before a disconnect, which says what will happen. */

import { providerName } from "./names.js";

export class Confirmation {
  #dialog = document.getElementById("confirmation");
  #connectionId = null; // the last one that was asked about

  /** Calls `confirmed` with the connection's id when the person says yes. */
  constructor(confirmed) {
    const dialog = this.#dialog;
    dialog.querySelector("[data-action=keep]").addEventListener("click", () => dialog.close());
    dialog.querySelector("[data-action=disconnect]").addEventListener("click", () => {
      dialog.close();
      confirmed(this.#connectionId);
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // the backdrop: the content fills the rest
    });
  }

  ask(connection) {
    const name = providerName(connection.provider);
    for (const place of this.#dialog.querySelectorAll("[data-name]")) place.textContent = name;
    const alias = this.#dialog.querySelector("[data-alias]");
    alias.textContent = connection.alias;
    alias.hidden = !connection.alias;
    this.#connectionId = connection.id;
    this.#dialog.showModal();
  }

  /** Another device was faster: there is nothing left to ask. */
  withdraw(connectionId) {
    if (this.#dialog.open && this.#connectionId === connectionId) this.#dialog.close();
  }
}
