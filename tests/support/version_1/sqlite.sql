BEGIN TRANSACTION;
CREATE TABLE log_heads (
    user_id TEXT NOT NULL PRIMARY KEY CHECK (length(user_id) = 36),
    position INTEGER NOT NULL CHECK (position BETWEEN 1 AND 2147483647)
) STRICT, WITHOUT ROWID;
INSERT INTO "log_heads" VALUES('00000000-0000-0000-0000-00000000000a',4);
INSERT INTO "log_heads" VALUES('00000000-0000-0000-0000-00000000000b',2);
CREATE TABLE open_attempts (
    attempt_id TEXT NOT NULL PRIMARY KEY CHECK (length(attempt_id) = 36),
    opened_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))
) STRICT, WITHOUT ROWID;
CREATE TABLE provider_connections (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    user_id TEXT NOT NULL CHECK (length(user_id) = 36),
    provider_id TEXT NOT NULL CHECK (length(provider_id) = 36),
    provider_slug TEXT NOT NULL CHECK (length(provider_slug) BETWEEN 1 AND 50),
    alias TEXT CHECK (length(alias) <= 100),
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'active', 'expired', 'revoked', 'failed', 'disconnected')),
    encrypted_credentials BLOB CHECK (length(encrypted_credentials) > 0),
    credential_type TEXT CHECK (length(credential_type) > 0),
    credentials_expire_at TEXT,
    connected_at TEXT,
    disconnected_at TEXT,
    last_sync_at TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    CHECK ((encrypted_credentials IS NULL) = (credential_type IS NULL)),
    CHECK (encrypted_credentials IS NOT NULL OR credentials_expire_at IS NULL),
    CHECK (status <> 'active' OR encrypted_credentials IS NOT NULL),
    CHECK (status <> 'disconnected' OR encrypted_credentials IS NULL)
) STRICT;
INSERT INTO "provider_connections" VALUES('00000000-0000-0000-0000-000000000101','00000000-0000-0000-0000-00000000000a','00000000-0000-0000-0000-000000000001','schwab','My IRA','disconnected',NULL,NULL,NULL,'2026-01-02 03:04:05+00:00','2026-11-25 15:46:35.771125+00:00',NULL,'2026-11-25 15:46:34.051549+00:00','2026-11-25 15:46:35.771125+00:00',2);
INSERT INTO "provider_connections" VALUES('00000000-0000-0000-0000-000000000102','00000000-0000-0000-0000-00000000000a','00000000-0000-0000-0000-000000000001','schwab',NULL,'active',X'674141414141427242774C61776C4C4B5530416F4446656E39526C6646424A477847536669757A435443793547524A41494157427938434E327846703551432D48536D5F684853325178556F58437678614D696D364D65616138554B3937796756373075634B575648594B6D54614B2D64786F516A6A6B3D','oauth2',NULL,'2026-01-02 03:04:05+00:00',NULL,NULL,'2026-11-25 15:46:34.053003+00:00','2026-11-25 15:46:34.053003+00:00',1);
INSERT INTO "provider_connections" VALUES('00000000-0000-0000-0000-000000000103','00000000-0000-0000-0000-00000000000a','00000000-0000-0000-0000-000000000001','schwab',NULL,'expired',X'674141414141427242774C616C37434A6B666F4F6466594232784130587443583853725579314331584B35506F366730474873397133356656363633554E33456A43544778627A6C3276494E724C614D42667264583142554E654D4D5434326E3034485A614D75446C43694B697165496C4F75554444513D','oauth2',NULL,'2026-01-02 03:04:05+00:00',NULL,NULL,'2026-11-25 15:46:34.053072+00:00','2026-11-25 15:46:34.053072+00:00',1);
INSERT INTO "provider_connections" VALUES('00000000-0000-0000-0000-000000000201','00000000-0000-0000-0000-00000000000b','00000000-0000-0000-0000-000000000001','schwab',NULL,'active',X'674141414141427242774C617663663467783463684A336851525646746B3374345866745678413952487730542D6A3946623674502D6750642D586D74467967746C4153427070514D4532494C7936304C5A4B6C38664A766A6D5F596F58553849766A5F3052445F32613777524D713965757A76786F343D','oauth2',NULL,'2026-01-02 03:04:05+00:00',NULL,NULL,'2026-11-25 15:46:34.053096+00:00','2026-11-25 15:46:34.053096+00:00',1);
CREATE TABLE provider_events (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    user_id TEXT NOT NULL CHECK (length(user_id) = 36),
    position INTEGER NOT NULL CHECK (position BETWEEN 1 AND 2147483647),
    kind TEXT NOT NULL CHECK (kind IN ('attempted', 'succeeded', 'failed')),
    occurred_at TEXT NOT NULL,
    connection_id TEXT NOT NULL CHECK (length(connection_id) = 36),
    attempt_id TEXT NOT NULL CHECK (length(attempt_id) = 36),
    provider_id TEXT CHECK (length(provider_id) = 36),
    provider_slug TEXT CHECK (length(provider_slug) BETWEEN 1 AND 50),
    reason TEXT CHECK (
        reason IN ('connection_not_found', 'not_owned_by_user', 'database_error', 'interrupted')
    ),
    CHECK ((kind = 'failed') = (reason IS NOT NULL)),
    CHECK ((provider_id IS NULL) = (provider_slug IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO "provider_events" VALUES('01a21363-2a3c-722d-9b6c-237244522c43','00000000-0000-0000-0000-00000000000a',1,'attempted','2026-11-25 15:46:35.708540+00:00','00000000-0000-0000-0000-000000000999','01a21363-2a3b-76b4-9de4-3237ca3d4bd5',NULL,NULL,NULL);
INSERT INTO "provider_events" VALUES('01a21363-2a40-74bc-97b8-3a62763a2135','00000000-0000-0000-0000-00000000000a',2,'failed','2026-11-25 15:46:35.712814+00:00','00000000-0000-0000-0000-000000000999','01a21363-2a3b-76b4-9de4-3237ca3d4bd5',NULL,NULL,'connection_not_found');
INSERT INTO "provider_events" VALUES('01a21363-2a5a-70b2-b675-7a36264d4737','00000000-0000-0000-0000-00000000000b',1,'attempted','2026-11-25 15:46:35.738019+00:00','00000000-0000-0000-0000-000000000101','01a21363-2a59-745f-a0c1-7437102f46b6',NULL,NULL,NULL);
INSERT INTO "provider_events" VALUES('01a21363-2a5d-7556-ac0e-4225f9a3df8c','00000000-0000-0000-0000-00000000000b',2,'failed','2026-11-25 15:46:35.741031+00:00','00000000-0000-0000-0000-000000000101','01a21363-2a59-745f-a0c1-7437102f46b6',NULL,NULL,'not_owned_by_user');
INSERT INTO "provider_events" VALUES('01a21363-2a7a-72f8-871f-761cb0c48164','00000000-0000-0000-0000-00000000000a',3,'attempted','2026-11-25 15:46:35.770165+00:00','00000000-0000-0000-0000-000000000101','01a21363-2a76-76f5-9c97-6e4235fd63a0','00000000-0000-0000-0000-000000000001','schwab',NULL);
INSERT INTO "provider_events" VALUES('01a21363-2a7b-73c5-aae9-50d699f458d3','00000000-0000-0000-0000-00000000000a',4,'succeeded','2026-11-25 15:46:35.771169+00:00','00000000-0000-0000-0000-000000000101','01a21363-2a76-76f5-9c97-6e4235fd63a0','00000000-0000-0000-0000-000000000001','schwab',NULL);
CREATE TABLE schema_version (
    version INTEGER NOT NULL PRIMARY KEY,
    applied_at TEXT NOT NULL
) STRICT;
INSERT INTO "schema_version" VALUES(1,'2026-11-25 15:46:33.045987+00:00');
CREATE INDEX provider_connections_by_user ON provider_connections (user_id, created_at, id);
CREATE UNIQUE INDEX provider_events_by_position ON provider_events (user_id, position);
CREATE UNIQUE INDEX provider_events_one_attempted ON provider_events (attempt_id)
    WHERE kind = 'attempted';
CREATE UNIQUE INDEX provider_events_one_outcome ON provider_events (attempt_id)
    WHERE kind <> 'attempted';
CREATE TRIGGER provider_events_refuse_update BEFORE UPDATE ON provider_events
BEGIN
    SELECT RAISE(ABORT, 'the event log can only grow');
END;
CREATE TRIGGER provider_events_refuse_delete BEFORE DELETE ON provider_events
BEGIN
    SELECT RAISE(ABORT, 'the event log can only grow');
END;
CREATE TRIGGER provider_events_refuse_replace BEFORE INSERT ON provider_events
WHEN EXISTS (SELECT 1 FROM provider_events WHERE id = NEW.id)
    OR EXISTS (
        SELECT 1 FROM provider_events WHERE user_id = NEW.user_id AND position = NEW.position
    )
    OR EXISTS (
        SELECT 1 FROM provider_events
        WHERE attempt_id = NEW.attempt_id AND kind = 'attempted' AND NEW.kind = 'attempted'
    )
    OR EXISTS (
        SELECT 1 FROM provider_events
        WHERE attempt_id = NEW.attempt_id AND kind <> 'attempted' AND NEW.kind <> 'attempted'
    )
BEGIN
    SELECT RAISE(ABORT, 'the event log can only grow');
END;
COMMIT;
