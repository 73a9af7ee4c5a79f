-- Conversations that several wires share: who made them, what their makers call them, who else takes part.
ALTER TABLE _conversations ADD COLUMN source TEXT NOT NULL DEFAULT 'fluxbase';
-- A maker's own id for a conversation is unique within a scope, such as one user's use of one bot.
ALTER TABLE _conversations ADD COLUMN external_scope TEXT;
ALTER TABLE _conversations ADD COLUMN external_id TEXT;
ALTER TABLE _conversations ADD COLUMN metadata BLOB NOT NULL DEFAULT x'7b7d';
ALTER TABLE _conversations ADD COLUMN paused INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1));

CREATE UNIQUE INDEX _conversations_by_external ON _conversations (tenant, external_scope, external_id)
    WHERE external_id IS NOT NULL AND status = 'active';
CREATE INDEX _conversations_by_tenant ON _conversations (tenant, status, created_at);

-- `owner` is the author's Caller.owner ('' in older rows: the conversation's owner). `payload` is the message in
-- the form in which its wire knows it, where that is more than text.
ALTER TABLE _messages ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE _messages ADD COLUMN payload BLOB;
ALTER TABLE _messages ADD COLUMN metadata BLOB;
-- Why an answer ends: it is whole (stop), as long as it may be (length), or asks its client for tools (tool_calls).
ALTER TABLE _messages ADD COLUMN finish TEXT NOT NULL DEFAULT 'stop' CHECK (finish IN ('stop', 'length', 'tool_calls'));
ALTER TABLE _messages ADD COLUMN feedback TEXT CHECK (feedback IN ('positive', 'negative'));

CREATE INDEX _messages_by_time ON _messages (conversation_id, created_at);

-- People in a conversation beside its owner.
CREATE TABLE _participants (
    conversation_id TEXT NOT NULL REFERENCES _conversations (id) ON DELETE CASCADE,
    owner           TEXT NOT NULL,
    joined_at       REAL NOT NULL,
    PRIMARY KEY (conversation_id, owner)
) STRICT, WITHOUT ROWID;

CREATE INDEX _participants_by_owner ON _participants (owner);

-- What people tell of themselves. A deleted one stays as an empty row: keys for its id stay good, so nobody else may get it.
CREATE TABLE _profiles (
    tenant      TEXT NOT NULL,
    owner       TEXT NOT NULL,
    name        TEXT,
    picture_url TEXT,
    profile     TEXT,
    created_at  REAL NOT NULL,
    updated_at  REAL NOT NULL,
    deleted_at  REAL,
    PRIMARY KEY (tenant, owner)
) STRICT, WITHOUT ROWID;

-- Events of people's own making; they are no messages and are never listed.
CREATE TABLE _custom_events (
    id              TEXT PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES _conversations (id) ON DELETE CASCADE,
    owner           TEXT NOT NULL,
    payload         BLOB NOT NULL,
    created_at      REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX _custom_events_by_conversation ON _custom_events (conversation_id);

-- What clients made of the tools that they run, until a turn goes on with it.
CREATE TABLE _tool_outputs (
    conversation_id TEXT NOT NULL REFERENCES _conversations (id) ON DELETE CASCADE,
    call_id         TEXT NOT NULL,
    ok              INTEGER NOT NULL CHECK (ok IN (0, 1)),
    output          TEXT NOT NULL,
    created_at      REAL NOT NULL,
    PRIMARY KEY (conversation_id, call_id)
) STRICT, WITHOUT ROWID;

-- A key's own bot, stream dialect and the origins of the pages that may use it ('' is no rule of its own).
ALTER TABLE _api_keys ADD COLUMN bot TEXT NOT NULL DEFAULT '';
ALTER TABLE _api_keys ADD COLUMN stream_format TEXT NOT NULL DEFAULT '';
ALTER TABLE _api_keys ADD COLUMN origins TEXT NOT NULL DEFAULT '';
