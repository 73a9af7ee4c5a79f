"""`client.vector.search` over a real server: rows of the team's tables by vectors, under the guard."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from appliance.engine import nearest_rows, table_search
from appliance.server.tokens import make_user_token
from appliance.store.database import connect, database_path
from appliance.store.keys import create_key
from appliance.store.secret import load_secret
from tests.data_security.shop import audited
from tests.support.row_vectors import bots, floats, make_rows, search
from tests.support.stack import stack

X = [1.0, 0.0, 0.0]


async def test_rows_come_nearest_first_with_their_distances(tmp_path: Path) -> None:
    async with stack(make_rows(tmp_path), bots=bots()) as served:
        answer = await search(served, served.token(), vector=X)
    assert answer.status_code == 200
    body = answer.json()
    assert [row["name"] for row in body["data"]] == ["lamp", "torch", "chair", "night"]
    assert body["distances"] == pytest.approx([0, 0.2, 1, 2], abs=1e-6)
    assert body["data"][0] == {"id": 1, "name": "lamp", "price": 10.5}
    assert set(body) == {"data", "distances"}


@pytest.mark.parametrize(
    ("metric", "names", "distances"),
    [
        ("cosine", ["lamp", "torch", "chair", "night"], [0, 0.2, 1, 2]),
        ("l2", ["lamp", "torch", "night", "chair"], [0, 0.4**0.5, 2, 5**0.5]),
        ("inner_product", ["lamp", "torch", "chair", "night"], [-1, -0.8, 0, 1]),
    ],
)
async def test_every_metric_is_a_distance(
    tmp_path: Path, metric: str, names: list[str], distances: list[float]
) -> None:
    async with stack(make_rows(tmp_path), bots=bots()) as served:
        body = (await search(served, served.token(), vector=X, metric=metric)).json()
    assert [row["name"] for row in body["data"]] == names
    assert body["distances"] == pytest.approx(distances, abs=1e-6)


async def test_threshold_count_select_and_filters_narrow_it_down(tmp_path: Path) -> None:
    async with stack(make_rows(tmp_path), bots=bots()) as served:
        token = served.token()

        async def names(**options: Any) -> list[str]:
            answer = await search(served, token, vector=X, **options)
            assert answer.status_code == 200, answer.text
            return [row["name"] for row in answer.json()["data"]]

        assert await names(match_threshold=1) == ["lamp", "torch"]
        assert await names(match_count=1) == ["lamp"]
        assert await names(match_count=2, match_threshold=1.5) == ["lamp", "torch"]
        for column, operator, value, expected in [
            ("price", "lt", 20, ["lamp", "torch", "night"]),
            ("name", "eq", "chair", ["chair"]),
            ("name", "neq", "chair", ["lamp", "torch", "night"]),
            ("name", "ilike", "*A*", ["lamp", "chair"]),
            ("name", "in", ["chair", 'a"b', "lamp"], ["lamp", "chair"]),
            ("id", "in", "(1,4)", ["lamp", "night"]),
            ("id", "not.in", [1, 4], ["torch", "chair"]),
            ("name", "is", None, []),
            ("name", "neq", None, ["lamp", "torch", "chair", "night"]),
            ("name", "eq", "x' OR 1=1 --", []),
        ]:
            filters = [{"column": column, "operator": operator, "value": value}]
            assert await names(filters=filters) == expected, filters
        both = [
            {"column": "price", "operator": "gt", "value": 1},
            {"column": "price", "operator": "lt", "value": 20},
        ]
        assert await names(filters=both) == ["lamp", "torch"]
        for select in ("name, price", ["name", "price"], "NAME,price"):
            rows = (await search(served, token, vector=X, select=select)).json()["data"]
            assert rows[0] == {"name": "lamp", "price": 10.5}
        shown = (await search(served, token, vector=X, select="embedding")).json()["data"]
        assert shown[0] == {"embedding": f"x'{floats(*X).hex()}'"}


async def test_a_question_in_words_is_embedded(tmp_path: Path) -> None:
    rules = "row-rules: {'*': all}"
    async with stack(make_rows(tmp_path, rules), bots=bots()) as served:
        token = served.token()
        texts = ["how to bake bread", "repairing a bicycle tyre"]
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            made = await client.post(
                "/api/v1/vector/embed", json={"texts": texts}, headers={"Authorization": f"Bearer {token}"}
            )
        db = connect(database_path(tmp_path))
        db.execute("CREATE TABLE guides (title TEXT, embedding)").fetchall()
        vectors = made.json()["embeddings"]
        db.execute("INSERT INTO guides VALUES (?, ?)", (texts[0], floats(*vectors[0])))
        db.execute("INSERT INTO guides VALUES (?, ?)", (texts[1], json.dumps(vectors[1])))
        db.close()
        answer = await search(served, token, table="guides", query="flat tire on my bike", match_count=1)
        other = await search(served, token, query="flat tire on my bike")
    assert answer.json()["data"] == [{"title": "repairing a bicycle tyre"}]
    assert answer.json()["model"] == "all-MiniLM-L6-v2"
    assert other.status_code == 400
    assert other.json()["error"] == (
        "The vectors in things.embedding have 3 numbers, but all-MiniLM-L6-v2 makes vectors of 384 numbers."
    )


async def test_values_that_are_no_vectors_are_left_out(tmp_path: Path) -> None:
    async with stack(make_rows(tmp_path), bots=bots()) as served:
        token = served.token()
        cosine = (await search(served, token, table="odd", vector=X)).json()
        l2 = (await search(served, token, table="odd", vector=X, metric="l2")).json()
        inner = (await search(served, token, table="odd", vector=X, metric="inner_product")).json()
    assert cosine == {"data": [{"id": 1}, {"id": 17}], "distances": [0, 0]}
    assert [row["id"] for row in l2["data"]] == [1, 17, 15]
    assert [row["id"] for row in inner["data"]] == [1, 17, 15]


async def test_names_that_look_like_sql_are_names(tmp_path: Path) -> None:
    name = '"odd ""; DROP TABLE things; --"'
    async with stack(make_rows(tmp_path, "row-rules: {'*': all}"), bots=bots()) as served:
        token = served.token()
        answer = await search(served, token, table=name, column="v; --", vector=X, select=['a " b'])
        still = await search(served, token, vector=X)
        for column in ("embedding) FROM salaries --", '"', "embedding'", "rowid", "_rowid_", ""):
            bad = await search(served, token, column=column, vector=X)
            assert (bad.status_code, bad.json()["code"]) in {(400, "INVALID_INPUT"), (404, "NOT_FOUND")}
        for table in ("things; SELECT 1", "things WHERE 1", "", "x" * 300, 'a"b', "things\0", "(SELECT 1)"):
            bad = await search(served, token, table=table, vector=X)
            assert bad.status_code in (400, 404), table
    assert answer.json() == {"data": [{'a " b': "x"}], "distances": [0]}
    assert still.status_code == 200


# -- who may see what --------------------------------------------------------------------------------


async def test_nobody_finds_rows_of_others(tmp_path: Path) -> None:
    async with stack(make_rows(tmp_path), bots=bots()) as served:
        alice = await search(served, served.token("alice"), table="letters", vector=X)
        bob = await search(served, served.token("bob"), table="letters", vector=X)
        admin = await search(served, served.token("root", "admin"), table="letters", vector=X)
        told = [{"column": "body", "operator": "eq", "value": "bobs-secret"}]
        guess = await search(served, served.token("alice"), table="letters", vector=X, filters=told)
    assert [row["body"] for row in alice.json()["data"]] == ["from alice"]
    assert [row["body"] for row in bob.json()["data"]] == ["bobs-secret"]
    assert admin.json()["data"] == []
    assert guess.json() == {"data": [], "distances": []}


async def test_a_namesake_of_another_tenant_finds_no_rows(tmp_path: Path) -> None:
    make_rows(tmp_path)
    with closing(connect(database_path(tmp_path))) as db, db:
        create_key(db, "tenant", "acme", 1.0)
    async with stack(tmp_path, bots=bots()) as served:
        for role in ("authenticated", "admin", "service_role"):
            token = make_user_token(
                load_secret(tmp_path),
                user_id="alice",
                role=role,
                now=time.time(),
                lifetime_s=60,
                tenant="acme",
            )
            letters = await search(served, token, table="letters", vector=X)
            assert letters.json() == {"data": [], "distances": []}
            assert (await search(served, token, table="salaries", vector=X)).status_code == 404


async def test_what_nobody_may_see_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    async with stack(make_rows(tmp_path), bots=bots()) as served:
        for token in (served.token(), served.token("root", "admin")):
            errors = set()
            for table in (
                "salaries",
                "_audit",
                "_knowledge_chunks",
                "sqlite_schema",
                "nowhere",
                "main.salaries",
            ):
                answer = await search(served, token, table=table, vector=X)
                assert answer.status_code == 404, table
                errors.add(answer.json()["error"].replace(repr(table), "it"))
            assert len(errors) == 1
            hidden = await search(served, token, column="secret", vector=X)
            missing = await search(served, token, column="nothing", vector=X)
            assert hidden.status_code == missing.status_code
            assert hidden.json()["error"].replace("secret", "nothing") == missing.json()["error"]
            filters = [{"column": "secret", "operator": "isnot", "value": None}]
            by_filter = await search(served, token, vector=X, filters=filters)
            by_select = await search(served, token, vector=X, select="secret")
            assert by_filter.status_code in (400, 404)
            assert by_select.status_code in (400, 404)
            assert "secret" not in (await search(served, token, vector=X)).text


@pytest.mark.parametrize(
    "settings",
    [
        "allowed-tables: [letters]",
        "allowed-operations: [INSERT]",
        "mcp-tools: [think]",
        "require-role: boss",
        "enabled: false",
        "row-rules: {things: none}",
        "hidden-columns: {things: [embedding]}",
    ],
)
async def test_users_read_no_more_than_their_bots_let_them(tmp_path: Path, settings: str) -> None:
    async with stack(make_rows(tmp_path), bots=bots(settings)) as served:
        user = await search(served, served.token(), vector=X)
        named = await search(served, served.token(), vector=X, chatbot="shop")
        admin = await search(served, served.token("root", "admin"), vector=X)
    assert user.status_code == 404
    assert named.status_code in (403, 404)
    assert admin.status_code == 200


async def test_a_bot_can_be_named_and_its_rules_hold(tmp_path: Path) -> None:
    two = {"a": bots("hidden-columns: {things: [price]}")["shop"], "b": bots()["shop"]}
    async with stack(make_rows(tmp_path), bots=two) as served:
        first = await search(served, served.token(), vector=X, chatbot="a")
        second = await search(served, served.token(), vector=X, chatbot="default:b")
        by_column = await search(served, served.token(), vector=X, select="price")
        nobody = await search(served, served.token(), vector=X, chatbot="c")
    assert first.json()["data"][0] == {"id": 1, "name": "lamp"}
    assert second.json()["data"][0] == {"id": 1, "name": "lamp", "price": 10.5}
    assert by_column.json()["data"][0] == {"price": 10.5}
    assert nobody.status_code == 404


async def test_strangers_find_nothing_and_learn_nothing(tmp_path: Path) -> None:
    async with stack(make_rows(tmp_path), bots=bots("allow-unauthenticated: true")) as served:
        answers = [await search(served, None, table=table, vector=X) for table in ("things", "nowhere")]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].text == answers[1].text


async def test_every_search_is_written_down(tmp_path: Path) -> None:
    async with stack(make_rows(tmp_path), bots=bots()) as served:
        await search(served, served.token(), vector=X)
        await search(served, served.token("root", "admin"), vector=X)
    by_bot, by_admin = audited(tmp_path, "vector.search")
    assert (by_bot.actor, by_bot.target) == ("user:alice", "bot:default/shop")
    assert by_admin.target == "table:things"
    assert by_bot.details["rows"] == 4
    assert by_bot.details["tables"] == ["things"]


# -- what cannot be asked ----------------------------------------------------------------------------

BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "Send query, the words to look for, or vector"),
    ({"vector": X, "query": "x"}, "one of them"),
    ({"query": "  "}, "query is empty"),
    ({"vector": []}, "The vector has 0 numbers"),
    ({"vector": [1.0] * 8193}, "The vector has 8193 numbers; 1 to 8192"),
    ({"vector": [1.0] * 100_000}, "The vector has 100000 numbers"),
    ({"vector": [1e39, 0, 0]}, "not finite, or too large"),
    ({"vector": ["1", 0, 0]}, "not of the expected form"),
    ({"vector": [None, 0, 0]}, "not of the expected form"),
    ({"vector": [0, 0, 0]}, "all zeros"),
    ({"vector": [0, 0, 0], "metric": "inner_product"}, "all zeros"),
    ({"vector": [1, 0]}, "have 3 numbers, but the vector has 2 numbers"),
    ({"vector": X, "column": "name"}, "things.name holds no vectors"),
    ({"vector": X, "metric": "hamming"}, "not of the expected form"),
    ({"vector": X, "match_count": 1_000_000}, "between 1 and 1000"),
    ({"vector": X, "match_count": 0}, "between 1 and 1000"),
    ({"vector": X, "match_count": 2.5}, "not of the expected form"),
    ({"vector": X, "select": "count(*)"}, "is not a column name"),
    ({"vector": X, "select": "name, (SELECT 1)"}, "is not a column name"),
    ({"vector": X, "select": ["\0"]}, "cannot be a name"),
    ({"vector": X, "filters": [{"column": "id", "operator": "; DROP", "value": 1}]}, "no operator"),
    ({"vector": X, "filters": [{"column": "id", "operator": "eq", "value": {"a": 1}}]}, "does not take"),
    ({"vector": X, "filters": [{"column": "id", "operator": "gt", "value": None}]}, "does not take"),
    ({"vector": X, "filters": [{"column": "id", "operator": "is", "value": "x"}]}, "null, true or false"),
    ({"vector": X, "filters": [{"column": "id", "operator": "in", "value": []}]}, "the list is empty"),
    ({"vector": X, "filters": [{"column": "id", "operator": "eq", "value": 1}] * 31}, "too many"),
    ({"vector": X, "filters": [{"column": "id", "operator": "eq"}] * 2, "match_threshold": "1"}, "expected"),
]


async def test_what_cannot_be_asked_is_a_400_that_says_why(tmp_path: Path) -> None:
    async with stack(make_rows(tmp_path), bots=bots()) as served:
        for body, error in BAD:
            answer = await search(served, served.token("root", "admin"), **body)
            assert answer.status_code == 400, (body, answer.text[:300])
            assert error in answer.json()["error"], (body, answer.text[:300])
            assert answer.json()["code"] == "INVALID_INPUT"
            assert len(answer.text) < 700


async def test_numbers_that_json_does_not_have_are_a_400(tmp_path: Path) -> None:
    async with stack(make_rows(tmp_path), bots=bots()) as served:
        headers = {"Authorization": f"Bearer {served.token()}", "Content-Type": "application/json"}
        async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=60) as client:
            for number in ("NaN", "Infinity", "-Infinity", "1e999", '"\\ud800"'):
                body = f'{{"table":"things","column":"embedding","vector":[{number},0,0]}}'
                answer = await client.post("/api/v1/vector/search", content=body)
                assert answer.status_code == 400, number
            body = '{"table":"things","column":"embedding","query":"\\ud800 \\u0000"}'
            answer = await client.post("/api/v1/vector/search", content=body)
            assert answer.status_code == 400


async def test_without_an_embedder_words_are_503_and_vectors_go_on(tmp_path: Path) -> None:
    async with stack(make_rows(tmp_path), bots=bots(), embedding_provider="none") as served:
        words = await search(served, served.token(), query="light")
        vector = await search(served, served.token(), vector=X)
    assert (words.status_code, words.json()["code"]) == (503, "EMBEDDING_NOT_CONFIGURED")
    assert vector.status_code == 200


async def test_a_search_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    make_rows(tmp_path)
    db = connect(database_path(tmp_path))
    db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) "
        "INSERT INTO odd (embedding) SELECT '[' || i || ',1,2]' FROM n"
    ).fetchall()
    db.close()
    async with stack(tmp_path, bots=bots(), sql_timeout_s=0.005) as served:
        slow = await search(served, served.token("root", "admin"), table="odd", vector=X)
    assert slow.status_code == 400
    assert "took longer than" in slow.json()["error"]


async def test_a_caller_has_few_searches_at_a_time_and_others_have_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, go, inside = nearest_rows.find, trio.Event(), trio.Event()
    waiting = 0

    async def held(*given: Any) -> Any:
        nonlocal waiting
        waiting += 1
        if waiting == table_search.RUNNING_MAX:
            inside.set()
        await go.wait()
        return await find(*given)

    statuses: list[int] = []
    monkeypatch.setattr(nearest_rows, "find", held)
    async with stack(make_rows(tmp_path), bots=bots()) as served:
        token = served.token()

        async def one() -> None:
            statuses.append((await search(served, token, vector=X)).status_code)

        async def theirs() -> None:
            answer = await search(served, served.token("bob"), vector=X)
            assert answer.status_code == 200

        async with trio.open_nursery() as nursery:
            for _ in range(table_search.RUNNING_MAX):
                nursery.start_soon(one)
            with trio.fail_after(20):
                await inside.wait()
            refused = await search(served, token, vector=X)
            nursery.start_soon(theirs)
            go.set()
        again = await search(served, token, vector=X)
    assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMIT")
    assert statuses == [200] * table_search.RUNNING_MAX
    assert again.status_code == 200
