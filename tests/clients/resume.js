// Makes a graphql-ws or graphql-sse client resume where it was cut off.
//
// Both repeat a subscription by themselves when the connection is lost, with the variables that they
// were given. So the cursor of the last event becomes `after`, and what has been seen is dropped.
export function resuming(client) {
  return {
    ...client,
    subscribe(payload, sink) {
      const variables = { ...payload.variables };
      let seen = 0;
      return client.subscribe({ ...payload, variables }, {
        ...sink,
        next(result) {
          const event = result.data?.providerEvents;
          if (event) {
            if (event.position <= seen) return;
            seen = event.position;
            variables.after = event.cursor;
          }
          sink.next(result);
        },
      });
    },
  };
}

// Follows by subscribing again and again, each time from the last event on: for clients that don't
// retry by themselves, and for streams that ended because the token did.
//
// `subscribe(after, { event, end })` returns how to stop; it calls `end` with nothing when it shall go
// on later, and with errors when it can't.
export function follow(subscribe, after, { event, failed, pause = 1000 }) {
  let seen = 0;
  let stop;
  let stopped = false;
  const start = () => {
    let over = false;
    stop = subscribe(after, {
      event(received) {
        if (over || received.position <= seen) return;
        seen = received.position;
        after = received.cursor;
        event(received);
      },
      end(errors) {
        if (over || stopped) return;
        over = true;
        if (errors) failed(errors);
        else setTimeout(() => stopped || start(), pause);
      },
    });
  };
  start();
  return () => {
    stopped = true;
    stop();
  };
}

// The errors for which another try is of no use. Without a valid token it is: with a new one.
export function fatal(errors) {
  const others = (errors ?? []).filter((error) => error.extensions?.code !== 'UNAUTHENTICATED');
  return others.length ? others : undefined;
}
