-- All rows of a query's result; messages keep the first ones.
CREATE TABLE _results (
    id              TEXT PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES _conversations (id) ON DELETE CASCADE,
    outcome         BLOB NOT NULL,
    created_at      REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX _results_by_conversation ON _results (conversation_id);
