"""Visits to the page: a browser, what a person finds on the screen, and an API on a script."""
