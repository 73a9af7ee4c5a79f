-- What administrators ask for. Conversations are deleted one day and their turns with them; what was asked and spent
-- stays here: sums of ended turns. `answered_s` is the time that the `answered` ones took, waiting included.
CREATE TABLE _turn_sums (
    tenant            TEXT NOT NULL,
    namespace         TEXT NOT NULL,
    bot               TEXT NOT NULL,
    provider_id       TEXT NOT NULL,
    provider_name     TEXT NOT NULL,
    model             TEXT NOT NULL,
    turns             INTEGER NOT NULL,
    errors            INTEGER NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    answered          INTEGER NOT NULL,
    answered_s        REAL NOT NULL,
    PRIMARY KEY (tenant, namespace, bot, provider_id, provider_name, model)
) STRICT, WITHOUT ROWID;

-- Turns of older files do not tell the provider's id; 'FROM_CONFIG' is the environment's, the only one there was.
INSERT INTO _turn_sums
SELECT tenant, namespace, bot, iif(provider = '', '', 'FROM_CONFIG'), provider, model, count(*),
    count(*) FILTER (WHERE status IN ('failed', 'interrupted')), sum(prompt_tokens), sum(completion_tokens),
    count(*) FILTER (WHERE status = 'done'),
    coalesce(sum(max(0.0, ended_at - created_at)) FILTER (WHERE status = 'done'), 0.0)
FROM _turns WHERE ended_at IS NOT NULL GROUP BY tenant, namespace, bot, provider, model;

CREATE INDEX _conversations_by_update ON _conversations (tenant, updated_at DESC, id);

-- The calls of tools in the trail, with all that they are looked up by; the same words stand in `store/insight.py`.
CREATE INDEX _audit_calls ON _audit (
    tenant, id, target, actor, CAST(details AS TEXT) ->> '$.acting_for',
    coalesce(CAST(details AS TEXT) ->> '$.success', action != 'data.refuse')
) WHERE action IN ('sql.execute', 'data.change', 'data.propose', 'data.decline', 'data.refuse', 'tool.call');
