/** Where the page's parts meet. */

import { Announcements } from "./announcements.js";
import { CardHistory } from "./card-history.js";
import { Confirmation } from "./confirmation.js";
import { Connections } from "./connections.js";
import { DisconnectAll } from "./disconnect-all.js";
import { Finder } from "./finder.js";
import { LookUps } from "./lookups.js";
import { Requests } from "./requests.js";
import { SignIn } from "./signin.js";
import { Status } from "./status.js";
import { SUCCEEDED, Store } from "./store.js";
import { Timeline } from "./timeline.js";
import { UnplugClient } from "./unplug-client.js";

const signIn = new SignIn();
const store = new Store();
const announcements = new Announcements();

// guide: connect
const client = new UnplugClient({
  url: new URL("graphql", document.baseURI),
  token: signIn.token,
  onSnapshot: (snapshot) => store.replace(snapshot),
  onEvent: (event) => happens(event),
  onState: (state) => show(state),
});
// guide: end

const requests = new Requests(store, client);
const lookUps = new LookUps(store, client);
const status = new Status(() => client.reconnect());
const confirmation = new Confirmation((connectionId) => requests.disconnect(connectionId));
const timeline = new Timeline(store, client);
const disconnectAll = new DisconnectAll(store, client);
const connections = new Connections(store, requests, {
  finder: new Finder(() => connections.render()),
  history: new CardHistory(store, client),
  actions: {
    ask: (connection) => confirmation.ask(connection),
    retry: (connection) => requests.disconnect(connection.id),
    dismiss: (connection) => requests.dismiss(connection.id),
    reread: () => client.reread(),
  },
});
const unreachable = document.getElementById("unreachable");
let signedIn = false;

function happens(event) {
  if (store.add(event)) {
    announcements.add(event, store.connections.get(event.connectionId), store.asked(event));
  }
  const unknown = event.provider && !store.connections.has(event.connectionId);
  if (unknown || event.__typename === SUCCEEDED) lookUps.add(event.connectionId);
}

function show(state) {
  status.show(state);
  lookUps.live = state.name === "live";
  if (lookUps.live) {
    signIn.worked();
    requests.answering();
    timeline.answering();
    disconnectAll.answering();
    lookUps.run();
    lookUps.refresh();
  }
  signedIn = state.name !== "token";
  signIn.show(signedIn ? "open" : store.loaded ? "ended" : "none");
  if (state.name === "waiting") unreachable.hidden = store.loaded;
  else if (state.name !== "connecting") unreachable.hidden = true;
  render();
}

function render() {
  connections.render(signedIn);
  disconnectAll.render(signedIn);
  timeline.render();
  for (const { id, status } of store.connections.values()) {
    if (status === "DISCONNECTED") confirmation.withdraw(id);
  }
}

store.subscribe(render);
addEventListener("online", () => client.reconnect());
addEventListener("offline", () => client.reconnect());
document.addEventListener("visibilitychange", () => document.hidden || render()); // "Today" moves on
document.getElementById("sign-out").addEventListener("click", () => location.reload());
client.run();
