/** Every sentence that depends on what happened. */

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

/** An entry of the timeline. */
export function happened(event, connection) {
  const name = event.provider && providerName(event.provider);
  const detail = connection?.alias ?? null;
  switch (event.__typename) {
    case ATTEMPTED:
      return name
        ? { title: `You asked to disconnect ${name}`, detail, icon: "arrow", tone: "quiet" }
        : { title: "You asked to disconnect an unknown connection", detail, icon: "arrow", tone: "quiet" };
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
