-- Vectors that may be compared with each other: of one model and one number of dimensions. Their tables are made when
-- the space is (store/knowledge/vectors.py).
CREATE TABLE _embedding_spaces (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    embedder    TEXT NOT NULL,
    dimensions  INTEGER NOT NULL,
    UNIQUE (embedder, dimensions)
) STRICT;

-- Names are unique for each owner: what a user calls a base must neither be found by bots nor tell of others' bases.
CREATE TABLE _knowledge_bases (
    number                   INTEGER PRIMARY KEY AUTOINCREMENT,
    id                       TEXT NOT NULL UNIQUE,
    tenant                   TEXT NOT NULL,
    namespace                TEXT NOT NULL,
    name                     TEXT NOT NULL,
    description              TEXT NOT NULL DEFAULT '',
    embedding_model          TEXT NOT NULL DEFAULT '',
    space                    INTEGER REFERENCES _embedding_spaces (number),
    next_space               INTEGER REFERENCES _embedding_spaces (number),
    chunk_size               INTEGER NOT NULL,
    chunk_overlap            INTEGER NOT NULL,
    chunk_strategy           TEXT NOT NULL CHECK (chunk_strategy IN ('recursive', 'sentence', 'paragraph', 'fixed')),
    enabled                  INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    source                   TEXT NOT NULL DEFAULT 'api' CHECK (source IN ('api', 'sdk', 'filesystem')),
    created_by               TEXT NOT NULL DEFAULT '',
    owner_id                 TEXT NOT NULL DEFAULT '',
    visibility               TEXT NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'shared', 'public')),
    per_user                 INTEGER NOT NULL DEFAULT 0 CHECK (per_user IN (0, 1)),
    quota_documents          INTEGER NOT NULL,
    quota_chunks             INTEGER NOT NULL,
    quota_bytes              INTEGER NOT NULL,
    pipeline_type            TEXT NOT NULL DEFAULT 'none',
    pipeline_config          BLOB NOT NULL DEFAULT X'7B7D',
    transformation_function  TEXT NOT NULL DEFAULT '',
    created_at               REAL NOT NULL,
    updated_at               REAL NOT NULL,
    UNIQUE (tenant, namespace, owner_id, name)
) STRICT;

-- Files as they came, once each however many documents they are, in pieces: a large one must not hold the writer up.
CREATE TABLE _originals (
    hash      TEXT PRIMARY KEY,
    bytes     INTEGER NOT NULL,
    complete  INTEGER NOT NULL DEFAULT 0 CHECK (complete IN (0, 1)),
    created_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE _original_pieces (
    hash    TEXT NOT NULL REFERENCES _originals (hash) ON DELETE CASCADE,
    piece   INTEGER NOT NULL,
    data    BLOB NOT NULL,
    UNIQUE (hash, piece)
) STRICT;

-- Where documents are fetched from again: a folder, a page, a site map. `options` is JSON.
CREATE TABLE _knowledge_sources (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    base        INTEGER NOT NULL REFERENCES _knowledge_bases (number) ON DELETE CASCADE,
    kind        TEXT NOT NULL CHECK (kind IN ('folder', 'file', 'zip', 'url', 'sitemap')),
    location    TEXT NOT NULL,
    options     BLOB NOT NULL DEFAULT X'7B7D',
    synced_at   REAL,
    error       TEXT NOT NULL DEFAULT '',
    created_at  REAL NOT NULL,
    UNIQUE (base, kind, location)
) STRICT;

-- `user_id` is the document's `metadata.user_id`: it is for that user of the base's tenant only, and for whom it is
-- granted. `path` names a document within its source, where one has several. `version` is that of the chunks that people
-- see: to make it another one is the moment when a new text takes the old one's place.
CREATE TABLE _documents (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT NOT NULL UNIQUE,
    base           INTEGER NOT NULL REFERENCES _knowledge_bases (number) ON DELETE CASCADE,
    source         INTEGER REFERENCES _knowledge_sources (number) ON DELETE CASCADE,
    path           TEXT NOT NULL DEFAULT '',
    title          TEXT NOT NULL,
    source_url     TEXT NOT NULL DEFAULT '',
    source_type    TEXT NOT NULL DEFAULT 'manual',
    file_name      TEXT NOT NULL DEFAULT '',
    mime_type      TEXT NOT NULL DEFAULT '',
    content_hash   TEXT NOT NULL DEFAULT '',
    original       TEXT REFERENCES _originals (hash),
    bytes          INTEGER NOT NULL DEFAULT 0,
    status         TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'indexed', 'failed')),
    error_message  TEXT NOT NULL DEFAULT '',
    chunks_count   INTEGER NOT NULL DEFAULT 0,
    version        INTEGER NOT NULL DEFAULT 0,
    metadata       BLOB NOT NULL DEFAULT X'7B7D',
    tags           BLOB NOT NULL DEFAULT X'5B5D',
    user_id        TEXT NOT NULL DEFAULT '',
    owner_id       TEXT NOT NULL DEFAULT '',
    created_by     TEXT NOT NULL DEFAULT '',
    created_at     REAL NOT NULL,
    updated_at     REAL NOT NULL,
    indexed_at     REAL
) STRICT;
CREATE INDEX _documents_by_base ON _documents (base, user_id, chunks_count, bytes);
CREATE UNIQUE INDEX _documents_by_path ON _documents (source, path) WHERE source IS NOT NULL;
CREATE INDEX _documents_by_original ON _documents (original) WHERE original IS NOT NULL;

-- What was read from a document, and where headings and pages are in it (JSON of `Outline`).
CREATE TABLE _document_texts (
    document  INTEGER PRIMARY KEY REFERENCES _documents (number) ON DELETE CASCADE,
    text      TEXT NOT NULL,
    outline   BLOB NOT NULL
) STRICT;

-- Work that waits or runs. A process claims a job for a while and renews the claim; when it dies the claim runs out.
-- A text that came as text waits in `text`, a file among the originals; with neither, what was read before is cut into
-- chunks anew. With `vectors_only` the chunks are stored, and those without vectors get theirs. `faults` are the attempts
-- that ended in a fault of ours.
CREATE TABLE _document_jobs (
    document       INTEGER PRIMARY KEY REFERENCES _documents (number) ON DELETE CASCADE,
    original       TEXT REFERENCES _originals (hash),
    text           TEXT,
    language       TEXT NOT NULL DEFAULT '',
    vectors_only   INTEGER NOT NULL DEFAULT 0 CHECK (vectors_only IN (0, 1)),
    stage          TEXT NOT NULL DEFAULT 'waiting' CHECK (stage IN ('waiting', 'extracting', 'chunking', 'embedding')),
    done           INTEGER NOT NULL DEFAULT 0,
    total          INTEGER NOT NULL DEFAULT 0,
    attempts       INTEGER NOT NULL DEFAULT 0,
    faults         INTEGER NOT NULL DEFAULT 0,
    not_before     REAL NOT NULL DEFAULT 0,
    claimed_by     TEXT NOT NULL DEFAULT '',
    claimed_until  REAL NOT NULL DEFAULT 0,
    created_at     REAL NOT NULL
) STRICT;
-- Covers the search for the next job: to reach the columns behind a long text, all of it would be read.
CREATE INDEX _document_jobs_by_age ON _document_jobs (created_at, document, not_before, claimed_until);

-- `text[start:end]` of the document's text; kept here again, because every search reads it. People see the chunks of
-- their document's `version` only.
CREATE TABLE _chunks (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT NOT NULL UNIQUE,
    document  INTEGER NOT NULL REFERENCES _documents (number) ON DELETE CASCADE,
    base      INTEGER NOT NULL REFERENCES _knowledge_bases (number) ON DELETE CASCADE,
    version   INTEGER NOT NULL DEFAULT 0,
    position  INTEGER NOT NULL,
    start     INTEGER NOT NULL,
    "end"     INTEGER NOT NULL,
    page      INTEGER,
    headings  BLOB NOT NULL DEFAULT X'5B5D',
    content   TEXT NOT NULL,
    UNIQUE (document, version, position)
) STRICT;
CREATE INDEX _chunks_by_base ON _chunks (base);

-- Versions whose chunks nobody sees: such as the job with this claim is putting in, some at a time, and, without a
-- claim or when that is lost, such as are to be deleted (store/knowledge/unseen.py). `base` is where the chunks are.
CREATE TABLE _unseen_chunks (
    document  INTEGER NOT NULL REFERENCES _documents (number) ON DELETE CASCADE,
    version   INTEGER NOT NULL,
    base      INTEGER NOT NULL,
    claim     TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (document, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX _unseen_chunks_by_base ON _unseen_chunks (base);

CREATE TABLE _knowledge_grants (
    id          TEXT NOT NULL UNIQUE,
    base        INTEGER NOT NULL REFERENCES _knowledge_bases (number) ON DELETE CASCADE,
    user_id     TEXT NOT NULL,
    permission  TEXT NOT NULL CHECK (permission IN ('viewer', 'editor', 'owner')),
    granted_by  TEXT NOT NULL DEFAULT '',
    created_at  REAL NOT NULL,
    PRIMARY KEY (base, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE _document_grants (
    id          TEXT NOT NULL UNIQUE,
    document    INTEGER NOT NULL REFERENCES _documents (number) ON DELETE CASCADE,
    user_id     TEXT NOT NULL,
    permission  TEXT NOT NULL CHECK (permission IN ('viewer', 'editor')),
    granted_by  TEXT NOT NULL DEFAULT '',
    created_at  REAL NOT NULL,
    PRIMARY KEY (document, user_id)
) STRICT, WITHOUT ROWID;

-- Which bots answer from which bases. `origin` says who made the link: what annotations made, annotations remove.
-- One that was `removed` by hand while the bot's file still names the base stays here, so that it is not made again.
CREATE TABLE _bot_knowledge (
    id                    TEXT NOT NULL UNIQUE,
    namespace             TEXT NOT NULL,
    bot                   TEXT NOT NULL,
    base                  INTEGER NOT NULL REFERENCES _knowledge_bases (number) ON DELETE CASCADE,
    access_level          TEXT NOT NULL DEFAULT 'full' CHECK (access_level IN ('full', 'filtered', 'tiered')),
    filter_expression     BLOB NOT NULL DEFAULT X'7B7D',
    context_weight        REAL NOT NULL DEFAULT 1.0,
    priority              INTEGER NOT NULL DEFAULT 1,
    intent_keywords       BLOB NOT NULL DEFAULT X'5B5D',
    max_chunks            INTEGER NOT NULL DEFAULT 5,
    similarity_threshold  REAL,
    enabled               INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    metadata              BLOB NOT NULL DEFAULT X'7B7D',
    origin                TEXT NOT NULL DEFAULT 'api' CHECK (origin IN ('api', 'annotation', 'folder')),
    removed               INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1)),
    created_at            REAL NOT NULL,
    updated_at            REAL NOT NULL,
    PRIMARY KEY (namespace, bot, base)
) STRICT, WITHOUT ROWID;
CREATE INDEX _bot_knowledge_by_base ON _bot_knowledge (base);

-- Questions that the documents did not answer; `words` is the question without case and punctuation.
CREATE TABLE _knowledge_gaps (
    id               TEXT NOT NULL UNIQUE,
    tenant           TEXT NOT NULL,
    namespace        TEXT NOT NULL,
    bot              TEXT NOT NULL,
    words            TEXT NOT NULL,
    question         TEXT NOT NULL,
    asked            INTEGER NOT NULL DEFAULT 1,
    reason           TEXT NOT NULL CHECK (reason IN ('nothing', 'uncited')),
    best             REAL NOT NULL DEFAULT 0,
    conversation_id  TEXT NOT NULL DEFAULT '',
    first_at         REAL NOT NULL,
    last_at          REAL NOT NULL,
    status           TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
    PRIMARY KEY (tenant, namespace, bot, words)
) STRICT, WITHOUT ROWID;

-- What was looked up for an answer; `found` is JSON of chunk ids and scores.
CREATE TABLE _retrievals (
    number           INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant           TEXT NOT NULL,
    namespace        TEXT NOT NULL,
    bot              TEXT NOT NULL,
    conversation_id  TEXT NOT NULL DEFAULT '',
    message_id       TEXT NOT NULL DEFAULT '',
    user_id          TEXT NOT NULL DEFAULT '',
    query            TEXT NOT NULL,
    mode             TEXT NOT NULL,
    embedder         TEXT NOT NULL DEFAULT '',
    found            BLOB NOT NULL,
    duration_ms      REAL NOT NULL,
    at               REAL NOT NULL
) STRICT;
CREATE INDEX _retrievals_by_message ON _retrievals (message_id);
CREATE INDEX _retrievals_by_time ON _retrievals (at);
