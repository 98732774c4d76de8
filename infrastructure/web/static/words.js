/** Every sentence that depends on what happened. */

import { ACCESS_LOST, ACCESS_RESTORED, ATTEMPTED, CONNECTED, FAILED, SUCCEEDED } from "./store.js";
import { APP, CAPITAL_APP, nameInSentence } from "./names.js";
import { revocation } from "./revocation-words.js";
import { REVOCATION_ATTEMPTED, REVOCATION_FAILED, REVOCATION_SUCCEEDED } from "./store.js";

/** The status of a connection: a word, an icon, a tone, and which of its times it began at. */
export const STATUS = {
  PENDING: { word: "Not connected yet", icon: "clock", tone: "quiet", since: "Added", at: "createdAt" },
  ACTIVE: { word: "Connected", icon: "check", tone: "good", since: "Since", at: "connectedAt" },
  EXPIRED: { word: "Access expired", icon: "warning", tone: "warn", lost: true },
  REVOKED: { word: "Access withdrawn", icon: "warning", tone: "warn", lost: true },
  FAILED: { word: "Connection failed", icon: "cross", tone: "bad", lost: true },
  DISCONNECTED: {
    word: "Disconnected",
    icon: "unplugged",
    tone: "quiet",
    since: "On",
    at: "disconnectedAt",
  },
};

const FAILURES = {
  CONNECTION_NOT_FOUND: () => "It is no longer among your connections, so nothing was disconnected.",
  DATABASE_ERROR: (name) =>
    `A server error occurred. Nothing has changed: ${name} was not disconnected.`,
  INTERRUPTED: (name) => `The request was interrupted. Nothing has changed: ${name} was not disconnected.`,
  UNREACHABLE: () =>
    "The connection was lost before the answer arrived. If the request was received, its result " +
    "appears here in a moment. It is safe to try again.",
  NOT_RECEIVED: (name) =>
    `The connection was lost, and the server has no record of the request: ${name} was not disconnected. ` +
    "Try again.",
  RATE_LIMITED: () => "There were too many requests. Wait a moment, then try again.",
  SERVICE_UNAVAILABLE: () =>
    "The server can’t answer right now. Nothing has changed. Try again in a moment.",
  UNAUTHENTICATED: () => "You were signed out before the request was accepted. Sign in, then try again.",
};

/** Why a connection wasn't disconnected. */
export function failure(reason, name) {
  return (FAILURES[reason] ?? FAILURES.DATABASE_ERROR)(name);
}

const ASKED = {
  USER: "You asked",
  SERVICE: `${CAPITAL_APP} asked`,
  OPERATOR: `An operator of ${APP} asked`,
};

/** By whom a connection was ended; `asked` is the event that began it. */
export function endedBy({ initiator }) {
  return { SERVICE: `Ended by ${APP}`, OPERATOR: `Ended by an operator of ${APP}` }[initiator] ?? "Ended by you";
}

/** What to do about access that was lost. */
export function reconnect(status, name) {
  const can = { EXPIRED: "has expired", REVOKED: "was withdrawn", FAILED: "is refused" }[status];
  return `The access to ${name} ${can}. Connect it again in ${APP} to renew it.`;
}

const LOST = {
  EXPIRED: "The access expired. Connect again to renew it.",
  REVOKED: "The access was withdrawn. Connect again to renew it.",
  FAILED: "The provider refuses the access. Connect again to renew it.",
};

/** An entry of the timeline; names in it are isolated. `asked` is the event that began an outcome's attempt, if it is known. */
export function happened(event, connection, asked = null) {
  const name = event.provider && nameInSentence(event.provider);
  const detail = connection?.alias ?? null;
  switch (event.__typename) {
    case CONNECTED: {
      const title = event.created ? `You connected ${name}` : `You connected ${name} again`;
      return { title, detail, icon: "check", tone: "good" };
    }
    case ACCESS_LOST: {
      const reason = LOST[event.status];
      return { title: `${name} gives no more access`, detail, reason, icon: "warning", tone: "warn" };
    }
    case ACCESS_RESTORED:
      return { title: `Access to ${name} works again`, detail, icon: "check", tone: "good" };
    case ATTEMPTED: {
      const title = `${ASKED[event.initiator] ?? ASKED.USER} to disconnect ${name ?? "an unknown connection"}`;
      return { title, detail, reason: event.note, icon: "arrow", tone: "quiet" };
    }
    case SUCCEEDED: {
      const byUser = (asked?.initiator ?? "USER") === "USER";
      const title = byUser ? `You disconnected ${name}` : `${name} was disconnected`;
      return { title, detail, icon: "unplugged", tone: "good" };
    }
    case FAILED:
      return {
        title: name ? `${name} was not disconnected` : "Nothing was disconnected",
        detail,
        reason: failure(event.reason, name),
        icon: "cross",
        tone: "bad",
      };
    case REVOCATION_ATTEMPTED:
    case REVOCATION_SUCCEEDED:
    case REVOCATION_FAILED:
      return { ...revocation(event, name, asked?.__typename === CONNECTED), detail };
    default: // of a newer version
      return { title: "Something changed", detail, icon: "clock", tone: "quiet" };
  }
}
