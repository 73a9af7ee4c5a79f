"""A rich data file for attacks: what is Bob's, hidden, denied or ours holds a canary that nobody may see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

from appliance.datarules import DataRules
from appliance.sqlguard import SqlPolicy

CANARY = "CANARY-7f3a"
"""Part of each value that no statement may ever show."""

SCRIPT = f"""
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, item TEXT, total INTEGER, note TEXT,
    card TEXT DEFAULT '{CANARY}-card', twice INTEGER GENERATED ALWAYS AS (total * 2) VIRTUAL
);
INSERT INTO orders (id, user_id, item, total, note, card) VALUES
    (1, 'alice', 'tea', 3, 'first', '{CANARY}-c1'), (2, 'alice', 'cup', 7, 'it''s -- fine', '{CANARY}-c2'),
    (3, 'bob', '{CANARY}-pot', 424242, '{{"a":1}}', '{CANARY}-c3'),
    (4, 'bob', '{CANARY}-jug', 9, '{{bad json', '{CANARY}-c4');
CREATE INDEX orders_by_total ON orders (total);
CREATE INDEX orders_by_expression ON orders (lower(item), length(card));
CREATE TABLE members (team INTEGER, user_id TEXT);
INSERT INTO members VALUES (5, 'alice'), (6, 'bob');
CREATE TABLE tasks (id INTEGER PRIMARY KEY, team INTEGER, title TEXT);
INSERT INTO tasks VALUES (1, 5, 'sweep'), (2, 6, '{CANARY}-paint');
CREATE TABLE shared_with (order_id INTEGER, public INTEGER);
INSERT INTO shared_with VALUES (1, 1), (4, 0), (3, 0);
CREATE VIEW shared_orders AS
    SELECT id, item, total FROM orders WHERE EXISTS (
        SELECT 1 FROM shared_with s WHERE s.order_id = orders.id AND s.public = 1);
CREATE VIEW all_orders AS SELECT * FROM orders;
CREATE VIEW secret_view AS SELECT * FROM users;
CREATE VIEW keys_in_disguise AS SELECT * FROM _api_keys;
CREATE TABLE products (id INTEGER PRIMARY KEY, title TEXT, price REAL, picture BLOB);
INSERT INTO products VALUES (1, 'Tea -- green', 3.5, x'00ff'),
    (2, 'Cup; blue', 7.0, NULL), (3, 'Été', 1.25, NULL);
CREATE TABLE stock (place TEXT, item TEXT, amount INTEGER, PRIMARY KEY (place, item)) WITHOUT ROWID;
INSERT INTO stock VALUES ('north', 'tea', 5), ('south', 'tea', 6);
CREATE TABLE "select" ("update" TEXT, "from" TEXT, "group" INTEGER);
INSERT INTO "select" VALUES ('first', 'x', 1);
CREATE TABLE "change log" (id INTEGER PRIMARY KEY, "a ""b"" c" TEXT, "x.y" TEXT);
INSERT INTO "change log" VALUES (1, 'quoted', 'dotted');
CREATE TABLE "überblick" ("größe" INTEGER);
INSERT INTO "überblick" VALUES (42);
CREATE TABLE odd (rowid TEXT, data TEXT);
INSERT INTO odd VALUES ('x', 'one'), ('y', 'two');
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password TEXT);
INSERT INTO users VALUES (1, 'root', '{CANARY}-pw');
CREATE TABLE salaries (id INTEGER, amount TEXT);
INSERT INTO salaries VALUES (1, '{CANARY}-pay');
CREATE TABLE "warehouse.vault" (id INTEGER, code TEXT);
INSERT INTO "warehouse.vault" VALUES (1, '{CANARY}-vault');
CREATE TABLE "temp.orders" (code TEXT);
INSERT INTO "temp.orders" VALUES ('{CANARY}-temp');
CREATE TABLE pragma_x (code TEXT);
INSERT INTO pragma_x VALUES ('{CANARY}-pragma');
CREATE TABLE _settings (name TEXT PRIMARY KEY, value TEXT);
INSERT INTO _settings VALUES ('key', '{CANARY}-setting');
CREATE TABLE _api_keys (id TEXT PRIMARY KEY, hash TEXT);
INSERT INTO _api_keys VALUES ('k1', '{CANARY}-key');
CREATE TABLE _audit (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT);
INSERT INTO _audit (what) VALUES ('{CANARY}-audit');
CREATE VIRTUAL TABLE pages USING fts5(body);
INSERT INTO pages VALUES ('{CANARY}-page');
CREATE VIRTUAL TABLE boxes USING rtree(id, x1, x2);
CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE children (
    id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents (id) ON DELETE CASCADE, name TEXT
);
INSERT INTO parents VALUES (1, 'p');
INSERT INTO children SELECT value, 1, 'c' FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12]');
CREATE TABLE watched (id INTEGER PRIMARY KEY, n INTEGER);
INSERT INTO watched VALUES (1, 1);
CREATE TRIGGER watched_t AFTER UPDATE ON watched BEGIN INSERT INTO _audit (what) VALUES ('x'); END;
ANALYZE;
"""

WAREHOUSE = f"""
CREATE TABLE sales (id INTEGER PRIMARY KEY, amount INTEGER);
INSERT INTO sales VALUES (1, 10), (2, 20);
CREATE TABLE vault (code TEXT);
INSERT INTO vault VALUES ('{CANARY}-w-vault');
CREATE TABLE users (name TEXT);
INSERT INTO users VALUES ('{CANARY}-w-user');
CREATE TABLE _keys (hash TEXT);
INSERT INTO _keys VALUES ('{CANARY}-w-key');
CREATE TABLE "sales.secret" (code TEXT);
INSERT INTO "sales.secret" VALUES ('{CANARY}-w-dot');
"""

OPEN = ["products", "stock", "select", "change log", "überblick", "odd", "members", "shared_with"]
MINE = ["orders", "tasks", "shared_orders", "all_orders"]
BROKEN = ["keys_in_disguise", "_api_keys", "_settings", "_audit", "pages", "boxes", "sqlite_sequence"]
WRITTEN = [
    "members",
    "parents",
    "children",
    "watched",
    "tasks",
    "orders",
    "stock",
    "odd",
    "products",
    "all_orders",
]

RULES = DataRules(
    row_rules={
        "orders": "user_id = :user_id",
        "tasks": "team IN (SELECT team FROM members WHERE user_id = :user_id)",
        "shared_orders": "all",
    },
    hidden_columns={"orders": ["card"]},
)


def make(folder: Path) -> Path:
    """Write both files into `folder`; returns the path of the data file."""
    for name, script in (("team.db", SCRIPT), ("warehouse.db", WAREHOUSE)):
        db = apsw.Connection(str(folder / name))
        db.execute(script).fetchall()
        db.close()
    return folder / "team.db"


def policies(folder: Path) -> dict[str, SqlPolicy]:
    """The policies that the statements of the data files name."""
    bounds: dict[str, Any] = {"timeout_s": 0.5, "memory_mib": 64, "rows_max": 100, "bytes_max": 100_000}
    tables = [*OPEN, *MINE, *BROKEN]
    everything = ["SELECT", "INSERT", "UPDATE", "DELETE"]
    alice: dict[str, Any] = {"rules": [RULES], "user_id": "alice", "role": "authenticated", **bounds}
    return {
        "open": SqlPolicy(allowed_tables=[*OPEN, *BROKEN], **bounds),
        "alice": SqlPolicy(allowed_tables=tables, **alice),
        "nobody": SqlPolicy(allowed_tables=tables, rules=[RULES], **bounds),
        "writer": SqlPolicy(
            allowed_tables=[*WRITTEN, *BROKEN], allowed_operations=everything, changed_rows_max=10, **alice
        ),
        "attached": SqlPolicy(
            allowed_tables=["products", "warehouse.sales"],
            files={"warehouse": str(folder / "warehouse.db")},
            **bounds,
        ),
    }
