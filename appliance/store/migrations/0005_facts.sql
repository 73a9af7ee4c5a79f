-- What must not be forgotten between one start and the next, such as that rules protected this data.
CREATE TABLE _facts (
    key    TEXT PRIMARY KEY,
    value  TEXT
) STRICT, WITHOUT ROWID;
