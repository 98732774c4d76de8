"""The event log as operators read it."""
