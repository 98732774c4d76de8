"""The settings of the demo."""

import secrets
from datetime import timedelta

from infrastructure.settings import Settings, load_settings

DATABASE = "unplug-demo.sqlite3"
TOKEN_LIFE = timedelta(hours=12)


def demo_settings() -> Settings:
    """A database of its own and a new secret, regardless of the settings of a real set-up.

    Raises `SettingsError` when one of the other settings is wrong.
    """
    settings = load_settings(
        database_url=f"sqlite://{DATABASE}",
        database_direct_url=None,
        nats_url=None,
        credentials_keys=(),
        token_secret=secrets.token_urlsafe(48),
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
