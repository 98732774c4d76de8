"""Live delivery: feed, sweep and wake-ups."""
