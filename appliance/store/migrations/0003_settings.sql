-- Values are encrypted by the vault, bound to (tenant, user_id, key). SQL cannot encrypt: values of an older file
-- keep `sealed` 0, are not used, and are encrypted by `settings.prepare` at the next start or command.
-- Copied over a temporary table: ALTER TABLE fails when any view of the team's is broken.
CREATE TEMP TABLE _settings_before AS SELECT tenant, user_id, key, value FROM main._settings;
DROP TABLE main._settings;

CREATE TABLE _settings (
    tenant      TEXT NOT NULL,
    user_id     TEXT NOT NULL DEFAULT '',
    key         TEXT NOT NULL,
    value       BLOB NOT NULL,
    secret      INTEGER NOT NULL DEFAULT 0 CHECK (secret IN (0, 1)),
    sealed      INTEGER NOT NULL DEFAULT 1 CHECK (sealed IN (0, 1)),
    updated_at  REAL NOT NULL,
    PRIMARY KEY (tenant, user_id, key)
) STRICT, WITHOUT ROWID;

INSERT INTO _settings (tenant, user_id, key, value, sealed, updated_at)
SELECT tenant, user_id, key, CAST(value AS BLOB), 0, unixepoch('subsec') FROM temp._settings_before;

DROP TABLE temp._settings_before;

-- One known text, sealed: tells a wrong encryption key before anything is stored with it.
CREATE TABLE _vault (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    proof  BLOB NOT NULL
) STRICT;
