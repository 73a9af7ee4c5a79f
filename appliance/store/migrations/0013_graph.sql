-- The knowledge graph (Fluxbase 6.10). An entity or relationship is known by what documents say: whoever may see none
-- of those does not see it, so that all that is shown of it (names, snippets, times) stands with the documents.
CREATE TABLE _graph_entities (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    base            INTEGER NOT NULL REFERENCES _knowledge_bases (number) ON DELETE CASCADE,
    type            TEXT NOT NULL,
    canonical_name  TEXT NOT NULL,
    UNIQUE (base, type, canonical_name)
) STRICT;

-- `names` are all forms of the name in the document, comparable, a line each; `start` is the first place.
CREATE TABLE _graph_mentions (
    entity    INTEGER NOT NULL REFERENCES _graph_entities (number) ON DELETE CASCADE,
    document  INTEGER NOT NULL REFERENCES _documents (number) ON DELETE CASCADE,
    name      TEXT NOT NULL,
    aliases   BLOB NOT NULL DEFAULT '[]',
    names     TEXT NOT NULL,
    count     INTEGER NOT NULL,
    start     INTEGER NOT NULL,
    salience  REAL NOT NULL,
    snippet   TEXT NOT NULL,
    PRIMARY KEY (entity, document)
) STRICT, WITHOUT ROWID;
CREATE INDEX _graph_mentions_by_document ON _graph_mentions (document);

CREATE TABLE _graph_relationships (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    id      TEXT NOT NULL UNIQUE,
    base    INTEGER NOT NULL REFERENCES _knowledge_bases (number) ON DELETE CASCADE,
    source  INTEGER NOT NULL REFERENCES _graph_entities (number) ON DELETE CASCADE,
    target  INTEGER NOT NULL REFERENCES _graph_entities (number) ON DELETE CASCADE,
    type    TEXT NOT NULL,
    UNIQUE (source, target, type)
) STRICT;
CREATE INDEX _graph_relationships_by_target ON _graph_relationships (target);
CREATE INDEX _graph_relationships_by_base ON _graph_relationships (base);

CREATE TABLE _graph_evidence (
    relationship  INTEGER NOT NULL REFERENCES _graph_relationships (number) ON DELETE CASCADE,
    document      INTEGER NOT NULL REFERENCES _documents (number) ON DELETE CASCADE,
    confidence    REAL NOT NULL,
    snippet       TEXT NOT NULL,
    PRIMARY KEY (relationship, document)
) STRICT, WITHOUT ROWID;
CREATE INDEX _graph_evidence_by_document ON _graph_evidence (document);

-- What no document says any more is gone, however the document went.
CREATE TRIGGER _graph_mention_gone AFTER DELETE ON _graph_mentions
WHEN NOT EXISTS (SELECT 1 FROM _graph_mentions WHERE entity = OLD.entity)
BEGIN
    DELETE FROM _graph_entities WHERE number = OLD.entity;
END;
CREATE TRIGGER _graph_evidence_gone AFTER DELETE ON _graph_evidence
WHEN NOT EXISTS (SELECT 1 FROM _graph_evidence WHERE relationship = OLD.relationship)
BEGIN
    DELETE FROM _graph_relationships WHERE number = OLD.relationship;
END;
