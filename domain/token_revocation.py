"""Ending tokens at their provider."""

from enum import StrEnum


class RevocationEvidence(StrEnum):
    """What was observed when a token was ended."""

    ACCEPTED = "accepted"
    """The provider answered as its documentation says for a token that is ended."""

    ALREADY_GONE = "already_gone"
    """The provider answered that the token had ended before."""
