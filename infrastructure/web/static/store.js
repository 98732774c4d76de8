/**
 * What the page knows: a snapshot, and the events after it. Events are kept by position, so hearing of
 * one twice changes nothing.
 */

export const ATTEMPTED = "ProviderDisconnectionAttempted";
export const SUCCEEDED = "ProviderDisconnectionSucceeded";
export const FAILED = "ProviderDisconnectionFailed";
export const CONNECTED = "ProviderConnected";
export const ACCESS_LOST = "ProviderAccessLost";
export const ACCESS_RESTORED = "ProviderAccessRestored";
export const REVOCATION_ATTEMPTED = "ProviderTokenRevocationAttempted";
export const REVOCATION_SUCCEEDED = "ProviderTokenRevocationSucceeded";
export const REVOCATION_FAILED = "ProviderTokenRevocationFailed";

const OF_ACCESS = new Set([CONNECTED, ACCESS_LOST, ACCESS_RESTORED]);
const OF_ATTEMPTS = new Set([ATTEMPTED, SUCCEEDED, FAILED]);

export class Store {
  loaded = false;
  generation = 0; // counts the snapshots
  connections = new Map(); // id → connection, in order of creation
  newest = 0; // the position of the newest event
  #events = new Map(); // position → event
  #told = new Map(); // connection id → the position of its newest event
  #attempts = new Map(); // attempt id → {asked, outcome, live}
  #latest = new Map(); // connection id → its newest attempt
  #lost = new Map(); // connection id → the newest event of losing or getting back access
  #folded = new Set(); // ids of connections that were disconnected already when they were read
  #reach = new Map(); // filter → {from: the oldest position that is known without a gap, whole}
  #listeners = [];
  #notifying = false;

  /** Calls `listener` soon after something has changed, once for everything that changes together. */
  subscribe(listener) {
    this.#listeners.push(listener);
  }

  /** A snapshot takes the place of everything. */
  replace({ connections, events, hasEarlier }) {
    this.connections = new Map(connections.map((connection) => [connection.id, connection]));
    const ofEvents = [this.#events, this.#told, this.#attempts, this.#latest, this.#lost, this.#reach];
    for (const map of ofEvents) map.clear();
    this.newest = 0;
    this.#folded = new Set(connections.filter(isOver).map(({ id }) => id));
    this.loaded = true;
    this.generation += 1;
    this.addHistory({ events, hasEarlier }, "");
  }

  /** Something happens. Returns false if it is known already. */
  add(event, live = true) {
    if (this.#events.has(event.position)) return false;
    this.#events.set(event.position, event);
    this.newest = Math.max(this.newest, event.position);
    this.#told.set(event.connectionId, Math.max(this.#told.get(event.connectionId) ?? 0, event.position));
    if (OF_ATTEMPTS.has(event.__typename)) this.#attempted(event, live);
    if (OF_ACCESS.has(event.__typename)) this.#access(event, live);
    if (event.__typename === SUCCEEDED) this.#disconnected(event);
    if (event.__typename === REVOCATION_ATTEMPTED) this.#replacing(event);
    this.#revocation(event);
    this.changed();
    return true;
  }

  /**
   * The event that began the attempt of an outcome, if it is known. A revocation of what new credentials
   * have replaced began with `ProviderConnected`.
   */
  asked(event) {
    return this.#attempts.get(event.attemptId)?.asked ?? null;
  }

  /** A page of history, oldest first; `filter` is a connection's id, or "" for all of them. */
  addHistory({ events, hasEarlier }, filter) {
    for (const event of events) this.add(event, false);
    const from = Math.min(this.#from(filter), events[0]?.position ?? Infinity);
    this.#reach.set(filter, { from, whole: !hasEarlier });
    this.changed();
  }

  /** A connection as the API gave it; an event may have told more of its revocation meanwhile. */
  put(connection) {
    const known = this.connections.get(connection.id)?.revocation ?? null;
    const revocation = later(known, connection.revocation);
    this.connections.set(connection.id, { ...connection, revocation });
    this.changed();
  }

  /** Connections that were read again. `since`: `newest` before; what later events say takes precedence. */
  merge(connections, since) {
    for (const read of connections) {
      const known = this.connections.get(read.id);
      const told = (this.#told.get(read.id) ?? 0) > since;
      if (known && !isOver(read) && (isOver(known) || told)) continue;
      if (!known && isOver(read)) this.#folded.add(read.id);
      this.put(read);
    }
  }

  /** Those that are shown first, and the disconnected ones. One that ends while it is watched stays. */
  groups() {
    const all = [...this.connections.values()];
    return {
      open: all.filter(({ id }) => !this.#folded.has(id)),
      over: all.filter(({ id }) => this.#folded.has(id)),
    };
  }

  /** Connections that "Disconnect all" is about. */
  remaining() {
    return [...this.connections.values()].filter((connection) => !isOver(connection));
  }

  /** Since when there is no access: null unless it was observed. */
  lostAt({ id, status, expiresAt }) {
    const event = this.#lost.get(id);
    if (event?.__typename === ACCESS_LOST && event.status === status) return event.occurredAt;
    return status === "EXPIRED" && new Date(expiresAt ?? Infinity) < new Date() ? expiresAt : null;
  }

  /** What is known without a gap, newest first, and whether there is more before it. */
  timeline(filter) {
    const from = this.#from(filter);
    const whole = [filter, ""].some((key) => this.#reach.get(key)?.whole);
    const events = [...this.#events.values()]
      .filter((event) => whole || event.position >= from)
      .filter((event) => filter === "" || event.connectionId === filter)
      .sort((one, other) => other.position - one.position);
    return { events, whole };
  }

  /** The newest attempt to disconnect a connection: {asked, outcome, live}. */
  attempt(connectionId) {
    return this.#latest.get(connectionId) ?? null;
  }

  changed() {
    if (this.#notifying) return;
    this.#notifying = true;
    setTimeout(() => {
      this.#notifying = false;
      for (const listener of this.#listeners) listener();
    });
  }

  #from(filter) {
    return Math.min(...[filter, ""].map((key) => this.#reach.get(key)?.from ?? Infinity));
  }

  #attempted(event, live) {
    const attempt = this.#attempts.get(event.attemptId) ?? { asked: null, outcome: null };
    this.#attempts.set(event.attemptId, attempt);
    if (event.__typename === ATTEMPTED) attempt.asked = event;
    else Object.assign(attempt, { outcome: event, live });
    const latest = this.#latest.get(event.connectionId);
    if (!latest || newest(attempt) >= newest(latest)) this.#latest.set(event.connectionId, attempt);
  }

  /** A back end connected a provider, or lost or got back access. A disconnection is final. */
  #access(event, live) {
    const { __typename, connectionId, occurredAt, status } = event;
    if (!(this.#lost.get(connectionId)?.position > event.position)) this.#lost.set(connectionId, event);
    if (!live) return; // the connection was read later than this
    const known = this.connections.get(connectionId);
    if (!known || known.status === "DISCONNECTED") return;
    const changes = {
      [CONNECTED]: { status: "ACTIVE", connectedAt: occurredAt },
      [ACCESS_LOST]: { status },
      [ACCESS_RESTORED]: { status: "ACTIVE" },
    }[__typename];
    if (changes) this.put({ ...known, ...changes });
  }

  /** It stands directly behind `ProviderConnected`: the connection goes on with other credentials. */
  #replacing(event) {
    const before = this.#events.get(event.position - 1);
    if (before?.__typename === CONNECTED && before.connectionId === event.connectionId)
      this.#attempts.set(event.attemptId, { asked: before, outcome: null });
  }

  /** What became of the access at the provider; a connection that was renewed keeps its own. */
  #revocation(event) {
    const { __typename, connectionId, occurredAt, evidence, reason, manageUrl = null } = event;
    const known = this.connections.get(connectionId);
    const status = {
      [REVOCATION_ATTEMPTED]: "PENDING",
      [REVOCATION_SUCCEEDED]: evidence,
      [REVOCATION_FAILED]: reason === "SHARED_GRANT" ? reason : "FAILED",
    }[__typename];
    const before = known?.revocation;
    if (!status || !known || !isOver(known) || this.asked(event)) return;
    const revocation = { status, since: occurredAt, manageUrl: manageUrl ?? before?.manageUrl ?? null };
    this.put({ ...known, revocation });
  }

  #disconnected({ connectionId, occurredAt }) {
    const known = this.connections.get(connectionId);
    if (!known || known.status === "DISCONNECTED") return;
    this.put({ ...known, ...ended(known, occurredAt) });
  }
}

function isOver({ status }) {
  return status === "DISCONNECTED";
}

function ended({ disconnectedAt }, at) {
  return { status: "DISCONNECTED", disconnectedAt: disconnectedAt ?? at };
}

/** The later of two revocations; either may be missing. */
function later(one, other) {
  if (!one || !other) return one ?? other ?? null;
  return new Date(one.since) > new Date(other.since) ? one : other;
}

function newest({ asked, outcome }) {
  return asked?.position ?? outcome.position;
}
