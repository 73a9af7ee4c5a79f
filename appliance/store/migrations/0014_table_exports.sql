-- Descriptions of the team's tables among the documents of a knowledge base: one of each table in each base, replaced
-- when it is made anew. With `is_kept` it is a sync config, which people list and trigger. `options` and `told`
-- (what of the data the document tells) are JSON.
CREATE TABLE _table_exports (
    id           TEXT NOT NULL UNIQUE,
    base         INTEGER NOT NULL REFERENCES _knowledge_bases (number) ON DELETE CASCADE,
    schema_name  TEXT NOT NULL,
    table_name   TEXT NOT NULL,
    options      BLOB NOT NULL DEFAULT x'7b7d',
    is_kept      INTEGER NOT NULL DEFAULT 0 CHECK (is_kept IN (0, 1)),
    document     INTEGER REFERENCES _documents (number) ON DELETE SET NULL,
    told         BLOB NOT NULL DEFAULT x'7b7d',
    exported_at  REAL,
    error        TEXT NOT NULL DEFAULT '',
    created_by   TEXT NOT NULL DEFAULT '',
    created_at   REAL NOT NULL,
    updated_at   REAL NOT NULL,
    PRIMARY KEY (base, schema_name, table_name)
) STRICT, WITHOUT ROWID;
CREATE INDEX _table_exports_by_document ON _table_exports (document) WHERE document IS NOT NULL;
