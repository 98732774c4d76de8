/** Every sentence about ending the access at the provider. */

import { CAPITAL_APP } from "./names.js";
import { REVOCATION_ATTEMPTED, REVOCATION_SUCCEEDED } from "./store.js";

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
      return { icon: "check", tone: "quiet", text: `${CAPITAL_APP} had no access at ${name}` };
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

/** An entry of the timeline. `replaced`: it is about the access that a connection had before it was renewed. */
export function revocation(event, name, replaced) {
  if (replaced) return ofReplaced(event, name);
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

function ofReplaced(event, name) {
  switch (event.__typename) {
    case REVOCATION_ATTEMPTED:
      return { title: `${name} is asked to end the earlier access`, icon: "arrow", tone: "quiet" };
    case REVOCATION_SUCCEEDED:
      return { title: `The earlier access at ${name} ended`, icon: "check", tone: "quiet" };
    default:
      return event.reason === "SHARED_GRANT"
        ? { title: `The earlier access at ${name} stays: it is the one in use`, icon: "clock", tone: "quiet" }
        : {
            title: `${name} did not confirm that the earlier access ended`,
            reason: NOT_CONFIRMED[event.reason]?.(name),
            icon: "warning",
            tone: "warn",
          };
  }
}
