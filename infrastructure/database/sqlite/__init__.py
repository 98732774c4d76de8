"""SQLite: one file, one server."""
