"""Ending access at providers: what is sent, and what an answer means."""
