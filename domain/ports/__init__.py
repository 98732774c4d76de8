"""What the rules need from the outside; adapters in `infrastructure` and fakes in tests give it."""

from domain.ports.access import (
    AccessToken,
    AccessTokens,
    CallerT,
    Cipher,
    CredentialsAudit,
    ServiceCaller,
)
from domain.ports.clock import NewId, Now
from domain.ports.connections import (
    AccountConnections,
    ConnectionSecrets,
    NotFound,
    ProviderConnectionRepository,
)
from domain.ports.errors import (
    AttemptClosed,
    AttemptRecorded,
    ConcurrentUpdate,
    KeysUnavailable,
    LogReplaced,
    StorageError,
    UnknownKey,
)
from domain.ports.event_feed import Attachment, EventFeed, EventSubscriber
from domain.ports.event_log import BatchLog, EventBus, EventLog
from domain.ports.pages import (
    ConnectionFilter,
    ConnectionKey,
    ConnectionList,
    ConnectionRecords,
    Page,
    PageRequest,
)
from domain.ports.revocations import PendingRevocations, TokenRevoker

__all__ = [
    "AccessToken",
    "AccessTokens",
    "AccountConnections",
    "Attachment",
    "AttemptClosed",
    "AttemptRecorded",
    "BatchLog",
    "CallerT",
    "Cipher",
    "ConcurrentUpdate",
    "ConnectionFilter",
    "ConnectionKey",
    "ConnectionList",
    "ConnectionRecords",
    "ConnectionSecrets",
    "CredentialsAudit",
    "EventBus",
    "EventFeed",
    "EventLog",
    "EventSubscriber",
    "KeysUnavailable",
    "LogReplaced",
    "NewId",
    "NotFound",
    "Now",
    "Page",
    "PageRequest",
    "PendingRevocations",
    "ProviderConnectionRepository",
    "ServiceCaller",
    "StorageError",
    "TokenRevoker",
    "UnknownKey",
]
