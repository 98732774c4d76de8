"""The mark that credentials of tests carry, so that one that leaks is recognised."""

CREDENTIAL = "a-credential-in-plain-text"
"""Part of every credential that is handed to a process. What the process says never has it."""


def without_credentials(text: str) -> str:
    """The same text. Fails when there is a credential in it."""
    assert CREDENTIAL not in text, f"a credential: {text[:2_000]}"
    return text
