"""The mark that credentials of tests carry, so that one that leaks is recognised."""

import re
from pathlib import Path

CREDENTIAL = "a-credential-in-plain-text"
"""Part of every credential that is handed to a process. What the process says never has it."""

_SECRET = re.compile(rf"{CREDENTIAL}|whsec_[A-Za-z0-9+/]{{16}}")
"""Those, and secrets of webhooks, which only the command that makes one prints."""

HANDED_IN = {".jsonl", ".csv"}
"""Files in which tests keep credentials themselves, for `unplug import`."""


def without_credentials(text: str) -> str:
    """The same text. Fails when there is a credential in it."""
    assert CREDENTIAL not in text, f"a credential: {text[:2_000]}"
    return text


def without_secrets(text: str) -> str:
    """The same text, which is a log. Fails when there is a credential or a secret in it."""
    found = _SECRET.search(text)
    assert found is None, f"a secret: {text[max(0, found.start() - 500) : found.end()]}"
    return text


def files_with_credentials(folder: Path) -> list[Path]:
    """Those that the product wrote: databases, logs, what is left of both."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if path.suffix not in HANDED_IN and _has_mark(path)]


def _has_mark(path: Path) -> bool:
    """False for what is gone, or another user's."""
    try:
        return CREDENTIAL.encode() in path.read_bytes()
    except OSError:
        return False
