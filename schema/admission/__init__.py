"""Who may enter, how often and how many; and what is recorded of it."""
