"""What a port raises when it can't do what it promises."""


class ConcurrentUpdate(Exception):
    """The row's version has moved since the connection was read. Read it again."""


class AttemptClosed(Exception):
    """The attempt has its outcome already, or was never recorded: nothing was written."""


class AttemptRecorded(Exception):
    """The log has an event with this attempt already: nothing was written."""


class StorageError(Exception):
    """The database certainly did not take it: nothing was written.

    Its text is empty or a sentence for operators, never a driver's words.
    """


class LogReplaced(Exception):
    """The event at a cursor is not the cursor's: a restore or a crash has replaced the history."""


class KeysUnavailable(Exception):
    """The keys that tokens are verified with can't be had now: whether a token is valid is unknown.

    `retry_after`: seconds until it is worth asking again.
    """

    def __init__(self, retry_after: float) -> None:
        self.retry_after = retry_after


class UnknownKey(Exception):
    """No configured key decrypts it."""
