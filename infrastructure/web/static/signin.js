/** The access token: from the address once, then from the field. It is kept in memory only. */

export class SignIn {
  #section = document.getElementById("sign-in");
  #field = document.getElementById("token");
  #trouble = document.getElementById("token-trouble");
  #goTo = document.getElementById("go-to-sign-in");
  #given = null; // a token that was given before the client asked for one
  #waiting = null;
  #tried = false; // a token was given, and it hasn't worked yet

  /** Takes the token out of the address, so that it is neither seen, nor copied, nor kept there. */
  constructor() {
    this.#given = takeFromAddress();
    this.#tried = this.#given !== null;
    this.#goTo.addEventListener("click", () => this.#field.focus());
    document.getElementById("sign-in-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(this.#field.value.trim().replace(/^bearer\s+/i, ""));
    });
    addEventListener("hashchange", () => {
      if (!tokenInAddress()) return;
      if (this.#waiting) this.#submit(takeFromAddress());
      else location.reload(); // perhaps another user: start from nothing
    });
  }

  /** What `UnplugClient` calls when it needs a token; resolves once there is one. */
  token = ({ refused }) => {
    const given = this.#given;
    this.#given = null;
    if (given) return given;
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#trouble.hidden = !(refused && this.#tried);
    });
  };

  /** The last token was good. */
  worked() {
    this.#tried = false;
  }

  /** `session`: `none` (not signed in yet), `ended` (the token has expired) or `open`. */
  show(session) {
    if (document.body.dataset.session === session) return;
    document.body.dataset.session = session;
    this.#section.hidden = session === "open";
    this.#goTo.hidden = session !== "ended";
    for (const text of this.#section.querySelectorAll("[data-when]")) {
      text.hidden = text.dataset.when !== session;
    }
    if (session === "none") this.#field.focus();
  }

  #submit(token) {
    if (!token) {
      this.#field.focus();
      return;
    }
    this.#field.value = "";
    this.#trouble.hidden = true;
    this.#tried = true;
    if (this.#waiting) this.#waiting(token);
    else this.#given = token;
    this.#waiting = null;
  }
}

function tokenInAddress() {
  return new URLSearchParams(location.hash.slice(1)).get("token");
}

function takeFromAddress() {
  const token = tokenInAddress();
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  return token;
}
