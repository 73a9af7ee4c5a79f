-- A change of the team's data that a bot proposed and its user has to agree to. `plan` is the msgpack of a
-- `ChangePlan`: the very rows that were shown.
CREATE TABLE _changes (
    id              TEXT PRIMARY KEY NOT NULL,
    tenant          TEXT NOT NULL,
    owner           TEXT NOT NULL,
    conversation_id TEXT NOT NULL REFERENCES _conversations (id) ON DELETE CASCADE,
    namespace       TEXT NOT NULL,
    bot             TEXT NOT NULL,
    status          TEXT NOT NULL DEFAULT 'proposed'
        CHECK (status IN ('proposed', 'applied', 'declined', 'failed', 'expired')),
    plan            BLOB NOT NULL,
    created_at      REAL NOT NULL,
    expires_at      REAL NOT NULL,
    decided_at      REAL
) STRICT;

CREATE INDEX _changes_by_conversation ON _changes (conversation_id, created_at);
CREATE INDEX _changes_open ON _changes (expires_at) WHERE status = 'proposed';
