"""Repositories and readers, and the one writer."""
