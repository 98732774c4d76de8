"""Delivers every event to the app's other services, as Standard Webhooks describes it."""
