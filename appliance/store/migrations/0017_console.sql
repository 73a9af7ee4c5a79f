-- What the console keeps: counts by the hour, names of keys, what became of gaps, tests of bots.

-- Ended turns by the hour in which they ended (Unix time / 3600), with which bot and model: a table that stays small
-- while conversations come and go. `conversations` are those whose first turn this was.
CREATE TABLE _turn_hours (
    hour               INTEGER NOT NULL,
    tenant             TEXT NOT NULL,
    namespace          TEXT NOT NULL,
    bot                TEXT NOT NULL,
    provider           TEXT NOT NULL,
    model              TEXT NOT NULL,
    turns              INTEGER NOT NULL,
    conversations      INTEGER NOT NULL,
    errors             INTEGER NOT NULL,
    prompt_tokens      INTEGER NOT NULL,
    completion_tokens  INTEGER NOT NULL,
    answered           INTEGER NOT NULL,
    answered_s         REAL NOT NULL,
    PRIMARY KEY (hour, tenant, namespace, bot, provider, model)
) STRICT, WITHOUT ROWID;

-- How long answers took: so many in that hour took about 1.1 ^ `step` milliseconds (store/hours.py).
CREATE TABLE _turn_speeds (
    hour    INTEGER NOT NULL,
    tenant  TEXT NOT NULL,
    step    INTEGER NOT NULL,
    turns   INTEGER NOT NULL,
    PRIMARY KEY (hour, tenant, step)
) STRICT, WITHOUT ROWID;

-- Was the conversation counted in `_turn_hours`?
ALTER TABLE _conversations ADD COLUMN counted INTEGER NOT NULL DEFAULT 0 CHECK (counted IN (0, 1));

-- What is known of turns that ended before.
INSERT INTO _turn_hours
SELECT CAST(ended_at / 3600 AS INTEGER), tenant, namespace, bot, provider, model, count(*), 0,
    count(*) FILTER (WHERE status IN ('failed', 'interrupted')), sum(prompt_tokens), sum(completion_tokens),
    count(*) FILTER (WHERE status = 'done'),
    coalesce(sum(max(0.0, ended_at - created_at)) FILTER (WHERE status = 'done'), 0.0)
FROM _turns WHERE ended_at IS NOT NULL GROUP BY 1, tenant, namespace, bot, provider, model;

INSERT INTO _turn_speeds
SELECT CAST(ended_at / 3600 AS INTEGER), tenant,
    CAST(floor(ln(max(1.0, (ended_at - created_at) * 1000)) / ln(1.1)) AS INTEGER) AS step, count(*)
FROM _turns WHERE ended_at IS NOT NULL AND status = 'done' GROUP BY 1, tenant, step;

UPDATE _conversations SET counted = 1 WHERE turn_count > 0;

CREATE INDEX _messages_judged ON _messages (created_at) WHERE feedback IS NOT NULL;

ALTER TABLE _api_keys ADD COLUMN name TEXT NOT NULL DEFAULT '';

-- Why a question is closed: somebody wrote an answer, which is that document, or it was put aside.
ALTER TABLE _knowledge_gaps ADD COLUMN outcome TEXT NOT NULL DEFAULT '' CHECK (outcome IN ('', 'answered', 'dismissed'));
ALTER TABLE _knowledge_gaps ADD COLUMN document_id TEXT NOT NULL DEFAULT '';

-- Questions of which people say how they must be answered, beside those of a bot's tests.yaml; `test` is JSON.
CREATE TABLE _bot_tests (
    id          TEXT NOT NULL UNIQUE,
    namespace   TEXT NOT NULL,
    bot         TEXT NOT NULL,
    position    INTEGER NOT NULL,
    test        BLOB NOT NULL,
    created_by  TEXT NOT NULL DEFAULT '',
    created_at  REAL NOT NULL,
    PRIMARY KEY (namespace, bot, position)
) STRICT, WITHOUT ROWID;
