"""Webhooks without a database."""
