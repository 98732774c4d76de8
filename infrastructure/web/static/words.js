/** Every sentence that depends on what happened. They speak of what the person did. */

import { ATTEMPTED, SUCCEEDED } from "./store.js";

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
  PENDING: { word: "Not finished", icon: "clock", tone: "quiet", since: "Started", at: "createdAt" },
  ACTIVE: { word: "Connected", icon: "check", tone: "good", since: "Since", at: "connectedAt" },
  EXPIRED: { word: "Access ran out", icon: "warning", tone: "warn", since: "Since", at: "updatedAt" },
  REVOKED: { word: "Access withdrawn", icon: "warning", tone: "warn", since: "Since", at: "updatedAt" },
  FAILED: { word: "Didn’t connect", icon: "cross", tone: "bad", since: "Since", at: "updatedAt" },
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
    `That didn’t work on our side. Nothing has changed: ${name} is still connected.`,
  INTERRUPTED: (name) => `That was cut short. Nothing has changed: ${name} is still connected.`,
  UNREACHABLE: () =>
    "We lost touch before the answer came. If you got through, it shows here in a moment. " +
    "Asking again does no harm.",
  RATE_LIMITED: () => "That was too much at once. Wait a moment, then try again.",
  SERVICE_UNAVAILABLE: () =>
    "We can’t check who you are at the moment, so nothing has changed. Try again in a while.",
  UNAUTHENTICATED: () => "You were signed out before you got through. Sign in, then try again.",
};

/** Why a connection wasn't disconnected. */
export function failure(reason, name) {
  return (FAILURES[reason] ?? FAILURES.DATABASE_ERROR)(name);
}

/** An entry of the timeline. */
export function happened(event, connection) {
  const name = event.provider && providerName(event.provider);
  const detail = connection?.alias ?? null;
  switch (event.__typename) {
    case ATTEMPTED:
      return name
        ? { title: `You asked to disconnect ${name}`, detail, icon: "arrow", tone: "quiet" }
        : { title: "You asked to disconnect something", detail, icon: "arrow", tone: "quiet" };
    case SUCCEEDED:
      return { title: `You disconnected ${name}`, detail, icon: "unplugged", tone: "good" };
    default:
      return {
        title: name ? `${name} was not disconnected` : "Nothing was disconnected",
        detail,
        reason: failure(event.reason, name),
        icon: "cross",
        tone: "bad",
      };
  }
}
