"""`unplug demo`: the server with a demo user, on a database of its own."""
