-- What visitors of a page's widget bring: who they are, words on answers, files.

-- The secret with which a tenant's own server shows who a visitor is; sealed by the vault. The one before it is
-- accepted until `previous_until`.
CREATE TABLE _identity_secrets (
    tenant          TEXT PRIMARY KEY REFERENCES _tenants (name),
    value           BLOB NOT NULL,
    hint            TEXT NOT NULL,
    rotated_at      REAL NOT NULL,
    previous        BLOB,
    previous_until  REAL
) STRICT, WITHOUT ROWID;

-- Whose network a turn was counted for beside its principal; empty where somebody vouches for the principal.
ALTER TABLE _turns ADD COLUMN network TEXT NOT NULL DEFAULT '';

ALTER TABLE _messages ADD COLUMN feedback_comment TEXT NOT NULL DEFAULT '';

-- The text of files that visitors attached, for the questions of that conversation alone. The file itself is not kept.
-- `hash` is the SHA-256 of its bytes. A file counts when it is `whole`: a large one is stored in slices.
CREATE TABLE _widget_files (
    number           INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    conversation_id  TEXT NOT NULL REFERENCES _conversations (id) ON DELETE CASCADE,
    owner            TEXT NOT NULL,
    name             TEXT NOT NULL,
    mime_type        TEXT NOT NULL,
    bytes            INTEGER NOT NULL,
    characters       INTEGER NOT NULL,
    hash             BLOB NOT NULL,
    note             TEXT NOT NULL DEFAULT '',
    whole            INTEGER NOT NULL DEFAULT 0 CHECK (whole IN (0, 1)),
    created_at       REAL NOT NULL,
    UNIQUE (conversation_id, hash)
) STRICT;

-- Passages of those texts in order; `start` and `end` are places in the file's text.
CREATE TABLE _widget_passages (
    number    INTEGER PRIMARY KEY,
    file      INTEGER NOT NULL REFERENCES _widget_files (number) ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    start     INTEGER NOT NULL,
    "end"     INTEGER NOT NULL,
    page      INTEGER,
    headings  BLOB NOT NULL,
    content   TEXT NOT NULL,
    UNIQUE (file, position)
) STRICT;

-- Their words, each behind its file's number (`12zinvoice`), so that other people's files cost and tell nothing.
CREATE VIRTUAL TABLE _widget_words USING fts5 (
    words, content = '', contentless_delete = 1, tokenize = 'ascii'
);
INSERT INTO _widget_words (_widget_words, rank) VALUES ('deletemerge', 50);
CREATE TRIGGER _widget_passage_gone AFTER DELETE ON _widget_passages
BEGIN
    DELETE FROM _widget_words WHERE rowid = OLD.number;
END;

-- A conversation that is deleted stays a while; what people brought along goes at once.
CREATE TRIGGER _widget_conversation_gone AFTER UPDATE OF status ON _conversations
WHEN NEW.status = 'deleted' AND OLD.status != 'deleted'
BEGIN
    DELETE FROM _widget_files WHERE conversation_id = NEW.id;
END;

-- Who asked a question that had no answer; '' is somebody of whom nothing is known. One that nobody else asked goes with them.
CREATE TABLE _gap_askers (
    gap    TEXT NOT NULL REFERENCES _knowledge_gaps (id) ON DELETE CASCADE,
    asker  TEXT NOT NULL,
    PRIMARY KEY (gap, asker)
) STRICT, WITHOUT ROWID;
CREATE INDEX _gap_askers_by_asker ON _gap_askers (asker);

INSERT INTO _gap_askers (gap, asker)
SELECT g.id, coalesce(c.owner, '') FROM _knowledge_gaps g LEFT JOIN _conversations c ON c.id = g.conversation_id;

CREATE INDEX _retrievals_by_conversation ON _retrievals (conversation_id);
