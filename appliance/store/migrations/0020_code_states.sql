-- A number by chance, a new one whenever the codes of a base in a space have changed: who keeps something in memory that
-- is made of them (store/knowledge/kept_planes.py) sees by it whether that still holds. No row: not changed since this
-- table came.
CREATE TABLE _code_states (
    space  INTEGER NOT NULL,
    base   INTEGER NOT NULL,
    state  INTEGER NOT NULL,
    PRIMARY KEY (space, base)
) STRICT, WITHOUT ROWID;
