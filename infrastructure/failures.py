"""What operators are told when a command can't do its work."""


class Failed(Exception):
    """Its text says what is wrong and what to do about it. It is shown as it is: no secrets."""
