/**
 * Unplug's API client for browsers. One file without dependencies: copy it into your app.
 *
 * It reads a snapshot (connections, the newest events, and a cursor), then follows every later event
 * over WebSocket (`graphql-transport-ws`), and resumes from its cursor whenever the connection breaks.
 * You get each event at least once and in order. An event's `position` identifies it: when your
 * state is keyed by position, no event shows twice and none is missed.
 *
 *     const client = new UnplugClient({
 *       url: "https://unplug.example.com/graphql",
 *       token: ({ refused }) => myApp.accessToken({ refresh: refused }),
 *       onSnapshot: ({ connections, events }) => …,  // replaces what you know
 *       onEvent: (event) => …,                       // changes what you know
 *       onState: (state) => …,                       // what to tell the user
 *     });
 *     client.run();
 *     const result = await client.disconnect(connectionId);
 *
 * @typedef {{id: string, provider: {id: string, slug: string}, alias: ?string, status: string,
 *   connectedAt: ?string, disconnectedAt: ?string, lastSyncAt: ?string, expiresAt: ?string,
 *   createdAt: string, updatedAt: string, revocation: ?Revocation}} Connection
 * @typedef {{status: string, since: string, manageUrl: ?string}} Revocation what became of the access
 *   at the provider; null until the connection is disconnected
 * @typedef {{__typename: string, id: string, position: number, cursor: string, occurredAt: string,
 *   attemptId: ?string, connectionId: string, provider: ?{id: string, slug: string},
 *   created?: boolean, status?: string, initiator?: string, note?: ?string,
 *   reason?: string, message?: string, evidence?: string, manageUrl?: ?string}} ProviderEvent
 * @typedef {{name: "connecting" | "live" | "waiting" | "token" | "stale", delay?: number}} State
 *   `connecting`; `live`: everything up to now is known, or on its way; `waiting`: unreachable, the
 *   next try is in `delay` ms; `token`: waiting for your `token` callback; `stale`: the history can't
 *   be continued, a new snapshot is being read.
 */

const PAGE = 50; // events in the snapshot, and in a page of history
const LARGEST_PAGE = 100;
const TIMEOUT = 15_000; // an answer takes 10 s at most, so this is a lost one
const PING_EVERY = 10_000; // a network that drops everything silently is found out within two of these
const FIRST_DELAY = 1_000;
const LONGEST_DELAY = 30_000;

const CONNECTION = `fragment Connection on ConnectedProvider {
  id provider { id slug } alias status connectedAt disconnectedAt lastSyncAt expiresAt createdAt
  updatedAt revocation { status since manageUrl }
}`;
const EVENT = `fragment Event on ProviderEvent {
  __typename id position cursor occurredAt attemptId connectionId provider { id slug }
  ... on ProviderConnected { created }
  ... on ProviderAccessLost { status }
  ... on ProviderDisconnectionAttempted { initiator note }
  ... on ProviderDisconnectionFailed { reason message }
  ... on ProviderTokenRevocationSucceeded { evidence }
  ... on ProviderTokenRevocationFailed { reason message manageUrl }
}`;
const SNAPSHOT = `query Snapshot($largest: Int!, $after: String, $last: Int!) {
  eventCursor
  connectedProviders(first: $largest, after: $after) {
    edges { node { ...Connection } } pageInfo { hasNextPage endCursor }
  }
  providerEvents(last: $last) { edges { node { ...Event } } pageInfo { hasPreviousPage } }
} ${CONNECTION} ${EVENT}`;
const HISTORY = `query History($last: Int!, $before: String, $connectionId: ID) {
  providerEvents(last: $last, before: $before, connectionId: $connectionId) {
    edges { node { ...Event } } pageInfo { hasPreviousPage }
  }
} ${EVENT}`;
const LIST = `query List($largest: Int!, $after: String) {
  connectedProviders(first: $largest, after: $after) {
    edges { node { ...Connection } } pageInfo { hasNextPage endCursor }
  }
} ${CONNECTION}`;
const LOOK_UP = `query LookUp($id: ID!) { node(id: $id) { ...Connection } } ${CONNECTION}`;
const FOLLOW = `subscription Follow($after: String!) {
  providerEvents(after: $after) { ...Event }
} ${EVENT}`;
const DISCONNECT = `mutation Disconnect($input: DisconnectProviderInput!) {
  disconnectProvider(input: $input) {
    __typename
    ... on DisconnectProviderSuccess { attemptId connectedProvider { ...Connection } }
    ... on ConnectionNotFound { attemptId message }
    ... on DisconnectionFailed { attemptId message }
  }
} ${CONNECTION}`;
const DISCONNECT_ALL = `mutation DisconnectAll($input: DisconnectAllProvidersInput!) {
  disconnectAllProviders(input: $input) {
    __typename
    ... on DisconnectAllProvidersSuccess { disconnected failed }
    ... on ConnectionCountChanged { count }
    ... on DisconnectionFailed { message }
  }
}`;

/**
 * `code` is the API's `extensions.code`, or `UNREACHABLE` when no answer came, or `NO_TOKEN` when the
 * `token` callback rejected (`run` calls it again later).
 */
export class UnplugError extends Error {
  constructor(code, message = code) {
    super(message);
    this.code = code;
  }
}

// guide: back-off
/** How long to wait before try number `failures` + 1: exponential, with full jitter. */
export function backOff(failures, random = Math.random) {
  return random() * Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** failures);
}
// guide: end

export class UnplugClient {
  #url;
  #askForToken;
  #onSnapshot;
  #onEvent;
  #onState;
  #token = null;
  #asking = null; // the pending call of the token callback: there is never more than one
  #refused = false;
  #cursor = null; // where to resume
  #position = 0; // the newest event that was handed over
  #liveSince = null;
  #interrupt = () => {}; // ends what run() is waiting for
  #stopped = false;

  /**
   * @param {object} options
   * @param {string | URL} options.url where the API is
   * @param {(why: {refused: boolean}) => string | Promise<string>} options.token gives an access
   *   token; called at the start, and again whenever the last one was refused or has expired
   * @param {(snapshot: {connections: Connection[], events: ProviderEvent[], hasEarlier: boolean})
   *   => void} options.onSnapshot at the start, and again after the history was replaced
   * @param {(event: ProviderEvent) => void} options.onEvent
   * @param {(state: State) => void} [options.onState]
   */
  constructor({ url, token, onSnapshot, onEvent, onState = () => {} }) {
    this.#url = new URL(url, location.href);
    this.#askForToken = token;
    this.#onSnapshot = onSnapshot;
    this.#onEvent = onEvent;
    this.#onState = onState;
  }

  /** Snapshot, then events; again and again until `stop`. */
  async run() {
    for (let failures = 0; !this.#stopped; failures += 1) {
      this.#liveSince = null;
      let problem;
      try {
        this.#onState({ name: "connecting" });
        if (this.#cursor === null) await this.#takeSnapshot();
        problem = await this.#follow();
      } catch (error) {
        problem = error;
      }
      if (this.#liveSince && Date.now() - this.#liveSince > PING_EVERY) failures = 0;
      if (!this.#stopped) await this.#recover(problem, failures);
    }
  }

  // guide: recover
  async #recover(problem, failures) {
    const delay = backOff(failures);
    switch (problem.code) {
      case "AGAIN": // asked for
        return;
      case "UNAUTHENTICATED": // expired: resume from the same cursor with a new token
        if (failures > 0) await this.#wait(delay, "token");
        return;
      case "INVALID_CURSOR": // the history was replaced: start again
        this.#startOver();
        if (failures > 0) await this.#wait(delay, "stale");
        return;
      default: // network, deploy (close code 1012), slow reader (1013), …
        if (!(problem instanceof UnplugError)) reportError(problem); // thrown by a callback
        await this.#wait(delay, "waiting");
    }
  }
  // guide: end

  /** Ends everything; the callbacks are not called again. */
  stop() {
    this.#stopped = true;
    this.#onState = this.#onEvent = this.#onSnapshot = () => {};
    this.#interrupt(new UnplugError("AGAIN"));
  }

  /** Tries again now: on a button, or when the browser says that the network has changed. */
  reconnect() {
    this.#interrupt(new UnplugError("AGAIN"));
  }

  /** Takes a new snapshot and resumes from there. */
  reread() {
    this.#startOver();
    this.reconnect();
  }

  #startOver() {
    this.#cursor = null;
    this.#position = 0;
    this.#onState({ name: "stale" });
  }

  // guide: snapshot
  /**
   * The cursor is read before the lists, so the lists may be newer than it, never older: what happens
   * in between arrives as an event, perhaps once more.
   */
  async #takeSnapshot() {
    const variables = { largest: LARGEST_PAGE, last: PAGE, after: null };
    const first = await this.request(SNAPSHOT, variables);
    this.#onSnapshot({
      connections: await this.#allPages(first.connectedProviders),
      events: nodes(first.providerEvents),
      hasEarlier: first.providerEvents.pageInfo.hasPreviousPage,
    });
    this.#cursor = first.eventCursor;
  }
  // guide: end

  /** Follows the events after the cursor; resolves with the problem that ended it. */
  async #follow() {
    const token = await this.#bearer();
    const url = new URL(this.#url);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, "graphql-transport-ws");
    const send = (message) => socket.send(JSON.stringify(message));
    let heard = true;
    let watch;

    return new Promise((end) => {
      this.#interrupt = end;
      const unreachable = (why) => end(new UnplugError("UNREACHABLE", why));
      watch = setTimeout(() => unreachable("no answer"), TIMEOUT);

      socket.onopen = () => {
        send({ type: "connection_init", payload: { authorization: `Bearer ${token}` } });
      };
      socket.onmessage = ({ data }) => {
        heard = true;
        const message = JSON.parse(data);
        switch (message.type) {
          case "connection_ack":
            send({
              id: "events",
              type: "subscribe",
              payload: { query: FOLLOW, variables: { after: this.#cursor } },
            });
            clearTimeout(watch);
            watch = setInterval(() => {
              if (!heard) unreachable("silent");
              else send({ type: "ping" });
              heard = false;
            }, PING_EVERY);
            this.#liveSince = Date.now();
            this.#onState({ name: "live" });
            break;
          case "next":
            if (message.payload.errors) end(problemOf(message.payload.errors));
            else this.#take(message.payload.data.providerEvents);
            break;
          case "error":
            end(problemOf(message.payload));
            break;
          case "complete":
            unreachable("ended");
            break;
          case "ping":
            send({ type: "pong" });
            break;
        }
      };
      socket.onclose = ({ code, reason }) => {
        const expired = code === 4401 || code === 4403;
        end(new UnplugError(expired ? "UNAUTHENTICATED" : "UNREACHABLE", reason));
      };
    }).then((problem) => {
      clearTimeout(watch); // clears intervals as well
      this.#interrupt = () => {};
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
      if (problem.code === "UNAUTHENTICATED") this.#forget(token);
      return problem;
    });
  }

  // guide: take
  /** Advance the cursor with every event, and drop what was seen: a resume may repeat an event. */
  #take(event) {
    if (event.position <= this.#position) return;
    this.#position = event.position;
    this.#cursor = event.cursor;
    this.#onEvent(event);
  }
  // guide: end

  // guide: disconnect
  /**
   * Resolves with the API's `DisconnectProviderResult`. Rejects with `UNREACHABLE` when the answer was
   * lost: the outcome arrives as events, and disconnecting again is safe.
   */
  async disconnect(connectionId) {
    const data = await this.request(DISCONNECT, { input: { connectionId } });
    return data.disconnectProvider;
  }
  // guide: end

  /**
   * Disconnects everything; resolves with the API's `DisconnectAllProvidersResult`. `expectedCount`
   * is how many connections the user was shown. When an answer was lost, repeat the same `batchId`.
   */
  async disconnectAll(expectedCount, batchId) {
    const data = await this.request(DISCONNECT_ALL, { input: { expectedCount, batchId } });
    return data.disconnectAllProviders;
  }

  /** All connections as they are now: some changes have no event. */
  async connections() {
    const first = await this.request(LIST, { largest: LARGEST_PAGE, after: null });
    return this.#allPages(first.connectedProviders);
  }

  async #allPages(first) {
    const connections = nodes(first);
    let { pageInfo } = first;
    while (pageInfo.hasNextPage) {
      const variables = { largest: LARGEST_PAGE, after: pageInfo.endCursor };
      const { connectedProviders } = await this.request(LIST, variables);
      connections.push(...nodes(connectedProviders));
      pageInfo = connectedProviders.pageInfo;
    }
    return connections;
  }

  /** One connection as it is now; null when the user has none with this id. */
  async connection(id) {
    return (await this.request(LOOK_UP, { id })).node;
  }

  /** A page of events, oldest first, before the cursor `before` (else the newest ones). */
  async history({ before = null, connectionId = null, last = PAGE } = {}) {
    const { providerEvents } = await this.request(HISTORY, { before, connectionId, last });
    return { events: nodes(providerEvents), hasEarlier: providerEvents.pageInfo.hasPreviousPage };
  }

  /** A query's or mutation's `data`. When its token is refused, it asks for a new one, once. */
  async request(query, variables = {}) {
    for (let tries = 1; ; tries += 1) {
      const token = await this.#bearer();
      try {
        return await this.#post(token, { query, variables });
      } catch (error) {
        if (error.code !== "UNAUTHENTICATED") throw error;
        this.#forget(token);
        if (tries > 1) throw error;
      }
    }
  }

  async #post(token, body) {
    let answer;
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT),
      });
      answer = await response.json();
    } catch {
      throw new UnplugError("UNREACHABLE"); // no network, no answer in time, or not from the API
    }
    if (answer?.errors) throw problemOf(answer.errors);
    if (!answer?.data) throw new UnplugError("UNREACHABLE"); // a proxy's own JSON
    return answer.data;
  }

  /** The access token; asks for one if there is none. */
  async #bearer() {
    if (this.#token !== null) return this.#token;
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #ask() {
    const answer = this.#askForToken({ refused: this.#refused });
    if (typeof answer !== "string") this.#onState({ name: "token" });
    try {
      this.#token = await answer;
    } catch (error) {
      throw new UnplugError("NO_TOKEN", error?.message);
    }
    this.#onState({ name: "connecting" });
    return this.#token;
  }

  #forget(token) {
    if (this.#token !== token) return;
    this.#token = null;
    this.#refused = true;
    this.#interrupt(new UnplugError("UNAUTHENTICATED")); // its stream is about to end as well
  }

  async #wait(delay, name) {
    this.#onState({ name, delay });
    let timer;
    await new Promise((resolve) => {
      this.#interrupt = resolve;
      timer = setTimeout(resolve, delay);
    });
    this.#interrupt = () => {};
    clearTimeout(timer);
  }
}

function nodes(connection) {
  return connection.edges.map((edge) => edge.node);
}

function problemOf(errors) {
  return new UnplugError(errors[0].extensions?.code ?? "INTERNAL_SERVER_ERROR", errors[0].message);
}
