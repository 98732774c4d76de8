"""Bringing in existing connections."""
