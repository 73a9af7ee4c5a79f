-- Everything of ours starts with an underscore; every other table of the file is the team's own data.
-- Times are Unix seconds (REAL), days are UTC days as days since 1970-01-01 (INTEGER).

CREATE TABLE _tenants (
    name        TEXT PRIMARY KEY,
    created_at  REAL NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO _tenants (name, created_at) VALUES ('default', unixepoch('subsec'));

-- People who have been seen with a good token, or for whom a token was made here.
CREATE TABLE _users (
    tenant      TEXT NOT NULL REFERENCES _tenants (name),
    id          TEXT NOT NULL,
    created_at  REAL NOT NULL,
    seen_at     REAL NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- The key itself is shown once and never stored: `hash` is its SHA-256.
CREATE TABLE _api_keys (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL REFERENCES _tenants (name),
    type        TEXT NOT NULL CHECK (type IN ('anon', 'service', 'tenant')),
    hash        BLOB NOT NULL UNIQUE,
    hint        TEXT NOT NULL,
    created_at  REAL NOT NULL,
    revoked_at  REAL
) STRICT, WITHOUT ROWID;

-- `owner` is Caller.owner; `last_seq` is the log's end as of the last write; after a crash the log goes on
-- behind `reserved_seq`, which is beyond anything that a client can have been sent.
CREATE TABLE _conversations (
    id              TEXT PRIMARY KEY,
    tenant          TEXT NOT NULL REFERENCES _tenants (name),
    owner           TEXT NOT NULL,
    namespace       TEXT NOT NULL,
    bot             TEXT NOT NULL,
    persist         INTEGER NOT NULL,
    status          TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived', 'deleted')),
    title           TEXT,
    title_by_user   INTEGER NOT NULL DEFAULT 0,
    turn_count      INTEGER NOT NULL DEFAULT 0,
    prompt_tokens   INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0,
    last_seq        INTEGER NOT NULL DEFAULT 0,
    reserved_seq    INTEGER NOT NULL DEFAULT 0,
    created_at      REAL NOT NULL,
    updated_at      REAL NOT NULL,
    last_message_at REAL NOT NULL,
    expires_at      REAL
) STRICT, WITHOUT ROWID;

CREATE INDEX _conversations_by_owner ON _conversations (tenant, owner, status, updated_at DESC);
CREATE INDEX _conversations_by_expiry ON _conversations (expires_at) WHERE expires_at IS NOT NULL;

-- A turn is one user message and its answer: two rows with one `turn_id`. `position` orders them.
CREATE TABLE _messages (
    position        INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL REFERENCES _conversations (id) ON DELETE CASCADE,
    turn_id         TEXT NOT NULL,
    role            TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    status          TEXT NOT NULL
        CHECK (status IN ('queued', 'running', 'done', 'cancelled', 'failed', 'interrupted')),
    content         TEXT NOT NULL DEFAULT '',
    parts           BLOB NOT NULL DEFAULT x'5b5d',
    client_id       TEXT,
    error_code      TEXT NOT NULL DEFAULT '',
    error_text      TEXT NOT NULL DEFAULT '',
    prompt_tokens   INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0,
    usage_estimated INTEGER NOT NULL DEFAULT 0,
    first_seq       INTEGER NOT NULL DEFAULT 0,
    last_seq        INTEGER NOT NULL DEFAULT 0,
    created_at      REAL NOT NULL
) STRICT;

CREATE INDEX _messages_by_conversation ON _messages (conversation_id, position);
CREATE UNIQUE INDEX _messages_once ON _messages (conversation_id, client_id)
    WHERE client_id IS NOT NULL;
CREATE INDEX _messages_unfinished ON _messages (status) WHERE status IN ('queued', 'running');

-- One row for each admitted turn: what it reserved, what it cost, how it ended.
CREATE TABLE _turns (
    id                TEXT PRIMARY KEY,
    conversation_id   TEXT NOT NULL REFERENCES _conversations (id) ON DELETE CASCADE,
    tenant            TEXT NOT NULL,
    namespace         TEXT NOT NULL,
    bot               TEXT NOT NULL,
    principal         TEXT NOT NULL,
    day               INTEGER NOT NULL,
    reserved_tokens   INTEGER NOT NULL,
    prompt_tokens     INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0,
    provider          TEXT NOT NULL DEFAULT '',
    model             TEXT NOT NULL DEFAULT '',
    status            TEXT NOT NULL DEFAULT 'queued',
    error_code        TEXT NOT NULL DEFAULT '',
    created_at        REAL NOT NULL,
    ended_at          REAL
) STRICT, WITHOUT ROWID;

CREATE INDEX _turns_open ON _turns (status) WHERE ended_at IS NULL;

-- Limits of (bot, principal): the day's sums, and the moments of the last minute.
CREATE TABLE _usage (
    tenant          TEXT NOT NULL,
    namespace       TEXT NOT NULL,
    bot             TEXT NOT NULL,
    principal       TEXT NOT NULL,
    day             INTEGER NOT NULL,
    requests        INTEGER NOT NULL DEFAULT 0,
    tokens          INTEGER NOT NULL DEFAULT 0,
    reserved_tokens INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, namespace, bot, principal, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE _recent_requests (
    id          INTEGER PRIMARY KEY,
    tenant      TEXT NOT NULL,
    namespace   TEXT NOT NULL,
    bot         TEXT NOT NULL,
    principal   TEXT NOT NULL,
    at          REAL NOT NULL
) STRICT;

CREATE INDEX _recent_requests_by_principal ON _recent_requests (tenant, namespace, bot, principal, at);
CREATE INDEX _recent_requests_by_time ON _recent_requests (at);

CREATE TABLE _audit (
    id          INTEGER PRIMARY KEY,
    at          REAL NOT NULL,
    tenant      TEXT NOT NULL,
    actor       TEXT NOT NULL,
    action      TEXT NOT NULL,
    target      TEXT NOT NULL DEFAULT '',
    details     BLOB NOT NULL DEFAULT x'7b7d'
) STRICT;

CREATE INDEX _audit_by_time ON _audit (at);

-- Values for {{key}}, {{system:key}} (user_id '') and {{user:key}} in prompts.
CREATE TABLE _settings (
    tenant      TEXT NOT NULL,
    user_id     TEXT NOT NULL DEFAULT '',
    key         TEXT NOT NULL,
    value       TEXT NOT NULL,
    PRIMARY KEY (tenant, user_id, key)
) STRICT, WITHOUT ROWID;
