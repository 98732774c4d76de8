/** Every sentence that depends on what happened. */

import { ACCESS_LOST, ACCESS_RESTORED, ATTEMPTED, CONNECTED, FAILED, SUCCEEDED } from "./store.js";
import { REVOCATION_ATTEMPTED, REVOCATION_FAILED, REVOCATION_SUCCEEDED } from "./store.js";

/** `charles-schwab` is "Charles Schwab". */
export function providerName({ slug }) {
  return slug
    .split(/[-_\s]+/)
    .filter(Boolean)
    .map((word) => word[0].toUpperCase() + word.slice(1))
    .join(" ");
}

/** Tells a connection from the others: "Schwab, My IRA". */
export function fullName({ provider, alias }) {
  return alias ? `${providerName(provider)}, ${alias}` : providerName(provider);
}

/** The status of a connection: a word, an icon, a tone, and which of its times it began at. */
export const STATUS = {
  PENDING: { word: "Not connected yet", icon: "clock", tone: "quiet", since: "Started", at: "createdAt" },
  ACTIVE: { word: "Connected", icon: "check", tone: "good", since: "Since", at: "connectedAt" },
  EXPIRED: { word: "Access expired", icon: "warning", tone: "warn", since: "Since", at: "updatedAt" },
  REVOKED: { word: "Access withdrawn", icon: "warning", tone: "warn", since: "Since", at: "updatedAt" },
  FAILED: { word: "Connection failed", icon: "cross", tone: "bad", since: "Since", at: "updatedAt" },
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
    `A server error occurred. Nothing has changed: ${name} is still connected.`,
  INTERRUPTED: (name) => `The request was interrupted. Nothing has changed: ${name} is still connected.`,
  UNREACHABLE: () =>
    "The connection was lost before the answer arrived. If the request was received, its result " +
    "appears here in a moment. It is safe to try again.",
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
  SERVICE: "The app asked",
  OPERATOR: "An operator asked",
};

const LOST = {
  EXPIRED: "The access expired. Connect again to renew it.",
  REVOKED: "The access was withdrawn. Connect again to renew it.",
  FAILED: "The provider refuses the access. Connect again to renew it.",
};

/** What became of the access at the provider: an icon, a tone, words, and those of a link if it has one. */
export function endedAt(name, { status }) {
  switch (status) {
    case "PENDING":
      return { icon: "clock", tone: "quiet", text: `Waiting for ${name}` };
    case "ACCEPTED":
      return { icon: "check", tone: "good", text: `Access ended at ${name}` };
    case "ALREADY_GONE":
      return { icon: "check", tone: "good", text: `Access had already ended at ${name}` };
    case "NOTHING_TO_REVOKE":
      return { icon: "check", tone: "quiet", text: `The app had no access at ${name}` };
    case "SHARED_GRANT":
      return {
        icon: "clock",
        tone: "quiet",
        text: `Access at ${name} stays: another of your connections uses it`,
      };
    case "NOT_SUPPORTED":
      return {
        icon: "warning",
        tone: "warn",
        text: `${name} has no way for apps to end access`,
        link: "do it here",
        otherwise: `end it in your account with ${name}`,
      };
    case "NOT_ATTEMPTED":
      return {
        icon: "warning",
        tone: "warn",
        text: `${name} was not asked to end access`,
        link: "do it here",
        otherwise: `end it in your account with ${name}`,
      };
    default: // FAILED, or of a newer version
      return {
        icon: "warning",
        tone: "warn",
        text: `${name} did not confirm that access ended`,
        link: "check here",
        otherwise: `check in your account with ${name}`,
      };
  }
}

const NOT_CONFIRMED = {
  REFUSED: (name) => `${name} refused to end the access.`,
  GAVE_UP: (name) => `${name} could not be reached, or gave no clear answer, for too long.`,
  UNREADABLE_CREDENTIALS: () => "The stored credentials could not be read, so there was nothing to send.",
};

function revocation(event, name) {
  switch (event.__typename) {
    case REVOCATION_ATTEMPTED:
      return { title: `${name} is asked to end access`, icon: "arrow", tone: "quiet" };
    case REVOCATION_SUCCEEDED: {
      const { text, icon, tone } = endedAt(name, { status: event.evidence });
      return { title: text, icon, tone };
    }
    default: {
      const shared = event.reason === "SHARED_GRANT";
      const { text, icon, tone } = endedAt(name, { status: shared ? event.reason : "FAILED" });
      return { title: text, reason: NOT_CONFIRMED[event.reason]?.(name), icon, tone };
    }
  }
}

/** An entry of the timeline. `asked` is the event that began an outcome's attempt, if it is known. */
export function happened(event, connection, asked = null) {
  const name = event.provider && providerName(event.provider);
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
      return { ...revocation(event, name), detail };
    default: // of a newer version
      return { title: "Something changed", detail, icon: "clock", tone: "quiet" };
  }
}
