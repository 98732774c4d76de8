"""What commands do first. Imported with the work, so that `--help` does not wait for it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infrastructure.settings import Settings


def load_settings() -> "Settings":
    """Reads the environment. Raises `SettingsError` with all problems."""
    from infrastructure import settings

    return settings.load_settings()


def configure_logging(level: str) -> None:
    """All logs of this process, from this level on, are JSON lines on stderr."""
    from infrastructure.observability import logging

    logging.configure_logging(level)
