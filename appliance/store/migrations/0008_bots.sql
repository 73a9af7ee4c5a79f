-- Bots that came over the API; all tenants share them, like those of files. `given` is JSON of settings that were sent
-- beside the code and go before it. `first_version` is the version that the bot began with.
CREATE TABLE _bots (
    namespace      TEXT NOT NULL,
    name           TEXT NOT NULL,
    code           TEXT NOT NULL,
    original_code  TEXT,
    is_bundled     INTEGER NOT NULL DEFAULT 0 CHECK (is_bundled IN (0, 1)),
    given          BLOB NOT NULL,
    source         TEXT NOT NULL CHECK (source IN ('sdk', 'api', 'mcp')),
    first_version  INTEGER NOT NULL,
    created_at     REAL NOT NULL,
    updated_at     REAL NOT NULL,
    created_by     TEXT,
    PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;

-- What administrators chose for a bot, of a file or not: JSON of settings that go before all others. `updates` counts
-- changes over the API. `hidden` keeps a deleted bot away whose file is still there.
CREATE TABLE _bot_choices (
    namespace   TEXT NOT NULL,
    name        TEXT NOT NULL,
    overrides   BLOB NOT NULL,
    updates     INTEGER NOT NULL DEFAULT 0,
    hidden      INTEGER NOT NULL DEFAULT 0 CHECK (hidden IN (0, 1)),
    updated_at  REAL NOT NULL,
    PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX _conversations_by_bot ON _conversations (namespace, bot) WHERE status = 'active';
