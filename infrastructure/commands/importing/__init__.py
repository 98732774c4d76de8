"""Imports existing connections."""
