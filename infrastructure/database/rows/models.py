"""The tables as Tortoise reads them. Keys, CHECKs and triggers are in `migrations/`."""

from tortoise import fields
from tortoise.models import Model


class ProviderConnectionRow(Model):
    """A connection; `version` goes up by one with every change."""

    id = fields.UUIDField(primary_key=True)
    user_id = fields.UUIDField()
    provider_id = fields.UUIDField()
    provider_slug = fields.CharField(max_length=50)
    alias = fields.CharField(max_length=100, null=True)
    status = fields.CharField(max_length=12)
    encrypted_credentials = fields.BinaryField(null=True)
    credential_type = fields.TextField(null=True)
    credentials_expire_at = fields.DatetimeField(null=True)
    connected_at = fields.DatetimeField(null=True)
    disconnected_at = fields.DatetimeField(null=True)
    last_sync_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    provider_account_id = fields.CharField(max_length=255, null=True)
    previous_connection_id = fields.UUIDField(null=True)
    credentials_version = fields.IntField()
    revocation_status = fields.CharField(max_length=17, null=True)
    revocation_since = fields.DatetimeField(null=True)
    manage_url = fields.TextField(null=True)
    version = fields.BigIntField()

    class Meta:
        table = "provider_connections"


class ProviderEventRow(Model):
    """An event in its user's log. A row never changes.

    `commit_order` is the order of all users' events; those of one transaction may share it.
    """

    id = fields.UUIDField(primary_key=True)
    user_id = fields.UUIDField()
    position = fields.IntField()
    kind = fields.TextField()
    occurred_at = fields.DatetimeField()
    connection_id = fields.UUIDField()
    attempt_id = fields.UUIDField(null=True)
    provider_id = fields.UUIDField(null=True)
    provider_slug = fields.CharField(max_length=50, null=True)
    reason = fields.CharField(max_length=22, null=True)
    initiator = fields.CharField(max_length=8, null=True)
    batch_id = fields.UUIDField(null=True)
    note = fields.TextField(null=True)
    created = fields.BooleanField(null=True)
    previous_connection_id = fields.UUIDField(null=True)
    loss = fields.CharField(max_length=8, null=True)
    evidence = fields.CharField(max_length=12, null=True)
    manage_url = fields.TextField(null=True)
    commit_order = fields.BigIntField()

    class Meta:
        table = "provider_events"


class OpenAttemptRow(Model):
    """An attempt without an outcome. `opened_at` is the database's own clock."""

    attempt_id = fields.UUIDField(primary_key=True)
    opened_at = fields.DatetimeField()

    class Meta:
        table = "open_attempts"


class CredentialsKeyRow(Model):
    """A key that encrypts credentials, by its fingerprint."""

    fingerprint = fields.CharField(max_length=16, primary_key=True)

    class Meta:
        table = "credentials_keys"
