-- Model providers that administrators made. `config` is JSON with `***masked***` for each secret value; the values
-- themselves are in `sealed`, encrypted by the vault, bound to (tenant, id); NULL where there are none.
CREATE TABLE _providers (
    id                  TEXT PRIMARY KEY,
    tenant              TEXT NOT NULL REFERENCES _tenants (name),
    name                TEXT NOT NULL,
    display_name        TEXT NOT NULL,
    type                TEXT NOT NULL CHECK (type IN ('openai', 'azure', 'ollama')),
    config              BLOB NOT NULL,
    sealed              BLOB,
    embedding_model     TEXT,
    use_for_embeddings  INTEGER NOT NULL DEFAULT 0 CHECK (use_for_embeddings IN (0, 1)),
    is_default          INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)),
    enabled             INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_at          REAL NOT NULL,
    updated_at          REAL NOT NULL,
    created_by          TEXT,
    UNIQUE (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX _providers_one_default ON _providers (tenant) WHERE is_default;
CREATE UNIQUE INDEX _providers_one_embedding ON _providers (tenant) WHERE use_for_embeddings;
