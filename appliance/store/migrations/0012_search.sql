-- The words of chunks, as `searchtext.prepare` makes them, each behind its base's number (store/knowledge/words.py): a
-- search walks through the entries of its own base only. The text itself is in `_chunks`, so none is kept here.
-- `names` has compounds as one word and camelCase in parts, apart from the body, where they would tear phrases.
CREATE VIRTUAL TABLE _words USING fts5 (
    title, headings, body, names,
    content = '', contentless_delete = 1, tokenize = 'ascii'
);

-- Deleted chunks stay in the index until it is merged. To merge when a tenth of a part is deleted, as is usual, takes
-- five times the work when a large document is replaced, in lumps that hold the writer up.
INSERT INTO _words (_words, rank) VALUES ('deletemerge', 50);

-- How many chunks have a word.
CREATE VIRTUAL TABLE _words_counts USING fts5vocab (_words, row);

-- Vectors of chunks that are gone, or have new ones, and whose codes are still in their space's table: a trigger may
-- not reach into a table of that kind, so the next work on documents takes them out.
CREATE TABLE _stale_codes (
    space  INTEGER NOT NULL,
    chunk  INTEGER NOT NULL,
    PRIMARY KEY (space, chunk)
) STRICT, WITHOUT ROWID;

-- How many chunks a base has, like the index of words with those that nobody sees yet or any more: how rare a word is,
-- and which way of comparing pays, hang on it.
CREATE TABLE _base_sizes (
    base    INTEGER PRIMARY KEY REFERENCES _knowledge_bases (number) ON DELETE CASCADE,
    chunks  INTEGER NOT NULL
) STRICT;

CREATE TRIGGER _chunks_added AFTER INSERT ON _chunks BEGIN
    INSERT INTO _base_sizes (base, chunks) VALUES (new.base, 1) ON CONFLICT DO UPDATE SET chunks = chunks + 1;
END;

CREATE TRIGGER _chunks_deleted AFTER DELETE ON _chunks BEGIN
    DELETE FROM _words WHERE rowid = old.number;
    UPDATE _base_sizes SET chunks = chunks - 1 WHERE base = old.base;
END;
