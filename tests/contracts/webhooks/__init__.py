"""Delivering what is committed, on the database of this process."""
