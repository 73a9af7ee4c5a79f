import gzip
import json

import apsw
import pytest

from appliance.errors import InvalidInput
from tests.importer.conftest import Take, columns, rows

PEOPLE = [
    {"id": 7, "name": "Ada", "tags": ["a", "é"], "born": "1815-12-10", "ok": True, "zip": "007"},
    {"id": 3, "name": None, "score": 2, "ok": False, "any": 1},
    {"id": 5, "name": "Bo", "score": 2.5, "born": "1920-01-01", "any": "x"},
]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("people.json", json.dumps(PEOPLE, indent=1)),
        ("people.json", "\n".join(map(json.dumps, PEOPLE))),
        ("people.ndjson", "\n".join(map(json.dumps, PEOPLE)) + "\n"),
        ("people.jsonl", "\r\n".join(map(json.dumps, PEOPLE))),
        ("people", "\ufeff " + json.dumps(PEOPLE)),
        ("people.json.gz", gzip.compress(json.dumps(PEOPLE).encode(), mtime=0)),
    ],
)
def test_objects_become_rows(take: Take, db: apsw.Connection, name: str, text: str | bytes) -> None:
    take(name, text)
    assert columns(db, "people") == {
        "id": "INTEGER",
        "name": "TEXT",
        "tags": "TEXT",
        "born": "DATE",
        "ok": "BOOLEAN",
        "zip": "TEXT",
        "score": "REAL",
        "any": "TEXT",
    }
    assert sorted(rows(db, "people"), reverse=True) == [
        (7, "Ada", '["a", "é"]', "1815-12-10", 1, "007", None, None),
        (5, "Bo", None, "1920-01-01", None, None, 2.5, "x"),
        (3, None, None, None, 0, None, 2.0, "1"),
    ]
    assert db.execute("SELECT pk FROM pragma_table_info('people') WHERE name = 'id'").get == 1


def test_keys_that_appear_late_and_ids_that_are_missing(take: Take, db: apsw.Connection) -> None:
    records: list[dict[str, object]] = [{"id": n, "a": n} for n in range(2500)]
    take("t.json", json.dumps([*records, {"a": 0, "late": "2020-01-01"}]))
    assert columns(db, "t") == {"id": "INTEGER", "a": "INTEGER", "late": "DATE"}
    assert db.execute("SELECT count(*), count(id), count(late) FROM t").fetchall() == [(2501, 2500, 1)]
    assert db.execute("SELECT sum(pk) FROM pragma_table_info('t')").get == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[]", "no rows; expected objects"),
        ("[{}, {}]", "no rows"),
        (json.dumps([{f"k{n}": 1} for n in range(2001)]), "more than 2000 different keys"),
        ('{"rows": [{"a": 1}]}', "this file is one object"),
        ('[{"a": 1},]', "line 1, column 11"),
    ],
)
def test_files_without_rows_are_refused(take: Take, db: apsw.Connection, text: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        take("t.json", text)
    assert columns(db, "t") == {}
