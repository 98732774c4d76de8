"""The settings of the demo."""

import os
import secrets
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from infrastructure.failures import OperatorError
from infrastructure.settings import Settings, load_settings

DATABASE = "unplug-demo.sqlite3"
SECRET_FILE = f"{DATABASE}.secret"
TOKEN_LIFE = timedelta(hours=12)


def demo_settings() -> Settings:
    """A database and a secret of its own, regardless of the settings of a real set-up.

    Raises `SettingsError` when one of the other settings is wrong, and `OperatorError` when the
    secret can't be kept.
    """
    settings = load_settings(
        database_url=f"sqlite://{DATABASE}",
        database_direct_url=None,
        nats_url=None,
        credentials_keys=(),
        token_secret=_kept_secret(Path(SECRET_FILE)),
        token_public_key=None,
        token_jwks_url=None,
        token_issuer=None,
        token_audience=None,
        service_address=None,
        service_token_secret=None,
        service_token_public_key=None,
        service_token_jwks_url=None,
        service_token_issuer=None,
        providers_file=None,
        proxies=False,
    )
    friendly = {"page": True, "introspection": True, "log_level": "warning"}
    unset = {name: value for name, value in friendly.items() if getattr(settings, name) is None}
    return settings.model_copy(update=unset)


def _kept_secret(file: Path) -> str:
    """The secret of earlier starts, so that their tokens go on working; else a new one."""
    try:
        with suppress(FileNotFoundError, UnicodeDecodeError):
            known = file.read_text(encoding="ascii")
            if len(known) == len(secret := known.strip()) >= 32:
                return secret
        secret, draft = secrets.token_urlsafe(48), file.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secret)
        draft.replace(file)  # whole or not at all, whenever this process is killed
    except OSError as error:
        raise OperatorError(f"Can't keep the demo's secret in {file}: {error.strerror}.") from None
    return secret
