-- Conversations that a person takes over, and what explains an answer.

-- Who answers: the bot alone (''), the bot while a person is waited for, or the person `operator` (an account).
ALTER TABLE _conversations ADD COLUMN handoff TEXT NOT NULL DEFAULT '' CHECK (handoff IN ('', 'waiting', 'joined'));
ALTER TABLE _conversations ADD COLUMN operator TEXT NOT NULL DEFAULT '';
ALTER TABLE _conversations ADD COLUMN operator_name TEXT NOT NULL DEFAULT '';

CREATE INDEX _conversations_by_handoff ON _conversations (tenant, handoff) WHERE handoff != '';

-- When that changed, and by whom ('' is the visitor or the bot). `seq` is the place in the conversation's log, 0 until
-- it was told.
CREATE TABLE _handoff_notes (
    number          INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL REFERENCES _conversations (id) ON DELETE CASCADE,
    state           TEXT NOT NULL CHECK (state IN ('waiting', 'joined', 'left', 'ended')),
    operator        TEXT NOT NULL DEFAULT '',
    name            TEXT NOT NULL DEFAULT '',
    reason          TEXT NOT NULL DEFAULT '',
    seq             INTEGER NOT NULL DEFAULT 0,
    at              REAL NOT NULL
) STRICT;

CREATE INDEX _handoff_notes_by_conversation ON _handoff_notes (conversation_id, seq);

-- What a turn's answer was made of, as compressed JSON, for some days.
CREATE TABLE _traces (
    turn_id         TEXT PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES _conversations (id) ON DELETE CASCADE,
    data            BLOB NOT NULL,
    created_at      REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX _traces_by_conversation ON _traces (conversation_id);
CREATE INDEX _traces_by_time ON _traces (created_at);

-- The console's lists, newest first.
CREATE INDEX _conversations_by_activity ON _conversations (tenant, last_message_at DESC, id DESC);
