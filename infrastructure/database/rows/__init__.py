"""The tables, and their rows as connections and events: the same for every dialect."""
