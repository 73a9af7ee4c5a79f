"""Who may do what with knowledge bases: every endpoint, asked by everybody, and whose documents are seen."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.protocols.fluxbase import knowledge_face
from appliance.store.database import connect, database_path
from tests.support.knowledge import ADMIN, USER, Desk, settled, token
from tests.support.stack import Stack, stack

OFFLINE = {"embedding_provider": "none"}

OF_USERS: dict[str, tuple[str, Any]] = {
    "GET ": ("known", None),
    "POST ": ("known", {"name": "another"}),
    "GET /capabilities": ("known", None),
    "GET /<id>": ("viewer", None),
    "PUT /<id>": ("owner", {"description": "new"}),
    "DELETE /<id>": ("owner", None),
    "POST /<id>/share": ("owner", {"user_id": "friend", "permission": "viewer"}),
    "GET /<id>/permissions": ("owner", None),
    "DELETE /<id>/permissions/<user>": ("owner", None),
    "GET /<id>/chatbots": ("editor", None),
    "POST /<id>/search": ("viewer", {"query": "lamps"}),
    "POST /<id>/debug-search": ("editor", {"query": "lamps"}),
    "GET /<id>/documents": ("viewer", None),
    "POST /<id>/documents": ("editor", {"content": "More about lamps."}),
    "POST /<id>/documents/upload": ("editor", "a file"),
    "POST /<id>/documents/delete-by-filter": ("editor", {"tags": ["old"]}),
    "GET /<id>/documents/<doc>": ("viewer", None),
    "PATCH /<id>/documents/<doc>": ("editor", {"tags": ["new"]}),
    "DELETE /<id>/documents/<doc>": ("editor", None),
    "GET /<id>/documents/<doc>/chunks": ("viewer", None),
    "GET /<id>/documents/<doc>/original": ("viewer", None),
    "GET /<id>/documents/<doc>/permissions": ("owner", None),
    "POST /<id>/documents/<doc>/permissions": ("owner", {"user_id": "friend"}),
    "DELETE /<id>/documents/<doc>/permissions/<user>": ("owner", None),
}
"""What each endpoint needs, and a good body."""

OF_OPERATORS: dict[str, Any] = {
    "POST /<id>/tables/export": {"table": "users"},
    "GET /<id>/sync-configs": None,
    "POST /<id>/sync-configs": {"table": "users"},
    "PATCH /<id>/sync-configs/<sid>": {"include_indexes": False},
    "DELETE /<id>/sync-configs/<sid>": None,
    "POST /<id>/sync-configs/<sid>/trigger": None,
}
LEVELS = ["viewer", "editor", "owner"]


@asynccontextmanager
async def appliance(tmp_path: Path, **more: Any) -> AsyncIterator[tuple[Stack, httpx.AsyncClient]]:
    async with stack(tmp_path / "data", [], demo=True, **{**OFFLINE, **more}) as served:
        db = connect(database_path(served.data))
        db.execute("INSERT INTO _tenants (name, created_at) VALUES ('acme', 0)")
        db.close()
        async with httpx.AsyncClient(base_url=served.url, timeout=30) as client:
            yield served, client


class Scene:
    """One private base of `olga`'s with a document, granted to `vic` and `edda`."""

    def __init__(self, served: Stack, client: httpx.AsyncClient) -> None:
        def of(user: str, **more: Any) -> Desk:
            return Desk(client, token(served, user, **more))

        self.owner = of("olga")
        self.desks = {
            "anonymous": Desk(client, ""),
            "other tenant's user": of("olga", tenant="acme"),
            "other tenant's admin": of("root", role="admin", tenant="acme"),
            "stranger": of("stan"),
            "viewer": of("vic"),
            "editor": of("edda"),
            "owner": self.owner,
            "admin": of("root", role="admin"),
        }
        self.admins = {
            **{who: Desk(client, _key(desk), ADMIN) for who, desk in self.desks.items()},
            "tenant_admin": Desk(client, token(served, "tina", role="tenant_admin"), ADMIN),
        }

    async def path(self, template: str) -> str:
        """A base, a document and grants of its own, in the path."""
        granted = [("vic", "viewer"), ("edda", "editor"), ("fred", "viewer")]
        base = await self.owner.base(
            initial_permissions=[{"user_id": user, "permission": may} for user, may in granted]
        )
        doc = await self.owner.add(base, "All about lamps.", tags=["old"])
        path = template.replace("<id>", base).replace("<doc>", doc)
        if "<user>" in path:
            if "documents" in path:
                await self.owner.post(f"/{base}/documents/{doc}/permissions", {"user_id": "fred"})
            path = path.replace("<user>", "fred")
        if "<sid>" in path:
            made = await self.admins["admin"].post(f"/{base}/sync-configs", {"table": "orders"})
            path = path.replace("<sid>", made["id"])
        return path


def _key(desk: Desk) -> str:
    return desk.headers.get("Authorization", "").removeprefix("Bearer ")


async def status(desk: Desk, method: str, path: str, body: Any) -> int:
    more: dict[str, Any] = {"json": body} if isinstance(body, dict) else {}
    if body == "a file":
        more = {"files": {"file": ("lamps.txt", b"Lamps give light.")}}
    return (await desk.ask(method, path, **more)).status_code


def as_users(who: str, needs: str) -> int | None:
    """The status of a refusal; None when it must be good."""
    if who == "anonymous":
        return 401
    if who == "admin" or needs == "known":
        return None
    if who in ("stranger", "other tenant's user", "other tenant's admin"):
        return 404
    return None if LEVELS.index(who) >= LEVELS.index(needs) else 403


def test_the_matrix_names_every_endpoint() -> None:
    def known(endpoints: Any, prefix: str) -> set[str]:
        each = [f"{one.method} {one.path.removeprefix(prefix)}" for one in endpoints]
        return {one for one in each if not re.search(r"entities|/graph|/api/", one)}

    assert known(knowledge_face.USER_ENDPOINTS, USER) == {*OF_USERS}
    assert known(knowledge_face.ADMIN_ENDPOINTS, ADMIN) == {*OF_USERS, *OF_OPERATORS}


@pytest.mark.parametrize("endpoint", OF_USERS)
async def test_each_endpoint_is_for_whom_it_is(tmp_path: Path, endpoint: str) -> None:
    needs, body = OF_USERS[endpoint]
    method, template = endpoint.split(" ")
    async with appliance(tmp_path) as (served, client):
        scene = Scene(served, client)
        path = await scene.path(template)
        for who, desk in scene.desks.items():
            refused = as_users(who, needs)
            if refused is not None:
                assert await status(desk, method, path, body) == refused, who
        for who, desk in scene.admins.items():
            if who not in ("admin", "tenant_admin"):
                expected = {"anonymous": 401, "other tenant's admin": 404}.get(who, 403)
                if needs != "known" or expected != 404:
                    assert await status(desk, method, path, body) == expected, f"{who} as administrator"
        for who, desk in [*scene.desks.items(), *scene.admins.items()]:
            is_admin = desk.prefix == ADMIN
            if is_admin and who not in ("admin", "tenant_admin"):
                continue
            if not is_admin and as_users(who, needs) is not None:
                continue
            fresh = await scene.path(template)
            told = await status(
                desk, method, fresh, {**body, "name": who} if method == "POST" and not template else body
            )
            assert told < 300, f"{who}, {'administrators' if is_admin else 'users'}"


@pytest.mark.parametrize("endpoint", OF_OPERATORS)
async def test_tables_are_for_operators_only(tmp_path: Path, endpoint: str) -> None:
    method, template = endpoint.split(" ")
    async with appliance(tmp_path) as (served, client):
        scene = Scene(served, client)
        path = await scene.path(template)
        for who, desk in scene.admins.items():
            expected = {"anonymous": 401, "admin": None, "tenant_admin": None}.get(who, 403)
            if expected is None:
                assert await status(desk, method, await scene.path(template), OF_OPERATORS[endpoint]) < 300, (
                    who
                )
            else:
                assert await status(desk, method, path, OF_OPERATORS[endpoint]) == expected, who


async def test_what_a_stranger_hears_of_a_base_is_what_they_hear_of_none(tmp_path: Path) -> None:
    async with appliance(tmp_path) as (served, client):
        scene = Scene(served, client)
        for endpoint, (needs, body) in OF_USERS.items():
            method, template = endpoint.split(" ")
            if needs == "known" or body == "a file":
                continue
            there = await scene.path(template)
            missing = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "0" * 8 + "-1111-4111-8111-" + "1" * 12, there)
            for who in ("stranger", "other tenant's user", "other tenant's admin"):
                desk = scene.desks[who]
                answers = [await desk.ask(method, path, json=body) for path in (there, missing)]
                assert answers[0].content == answers[1].content, (endpoint, who)


# -- whose documents -----------------------------------------------------------------------------------


async def test_a_users_own_document_is_nowhere_for_others(tmp_path: Path) -> None:
    async with appliance(tmp_path) as (served, client):
        scene = Scene(served, client)
        base = await scene.owner.base(
            per_user=True,
            initial_permissions=[{"user_id": user, "permission": "editor"} for user in ("ann", "edda")],
        )
        ann = Desk(client, token(served, "ann"))
        secret = await ann.add(base, "Ann's secret lamp.", tags=["secret"], metadata={"kind": "note"})
        uploaded = (await ann.upload(base, "diary.txt", b"Ann's other secret lamp.")).json()["document_id"]
        open_one = await scene.admins["admin"].add(base, "A lamp for everybody.")
        await settled(scene.admins["admin"], base)

        assert {one["id"] for one in await settled(ann, base)} == {secret, uploaded, open_one}
        assert len(await ann.found(base, "lamp")) == 3
        for who in ("editor", "owner"):
            desk = scene.desks[who]
            listed = await desk.get(f"/{base}/documents")
            assert ([one["id"] for one in listed["documents"]], listed["total"]) == ([open_one], 1), who
            told = await desk.get(f"/{base}")
            assert (told["document_count"], told["total_chunks"]) == (1, 1), who
            (summary,) = [one for one in (await desk.get())["knowledge_bases"] if one["id"] == base]
            assert (summary["document_count"], summary["total_chunks"]) == (1, 1), who
            for hidden in (secret, uploaded):
                gone = "00000000-1111-4111-8111-111111111111"
                for path in ("", "/chunks", "/original", "/permissions"):
                    asked = [
                        await desk.ask("GET", f"/{base}/documents/{doc}{path}") for doc in (hidden, gone)
                    ]
                    assert asked[0].status_code in (403, 404), (who, path)
                    assert asked[0].content == asked[1].content, (who, path)
                for method in ("PATCH", "DELETE"):
                    asked = [
                        await desk.ask(method, f"/{base}/documents/{doc}", json={"title": "mine"})
                        for doc in (hidden, gone)
                    ]
                    assert [one.status_code for one in asked] == [404, 404], (who, method)
            assert await desk.found(base, "lamp") == ["A lamp for everybody."]
            debug = await desk.post(f"/{base}/debug-search", {"query": "secret lamp", "mode": "keyword"})
            assert {one["document_id"] for one in debug["results"]} <= {open_one}
            assert debug["counts"] == {"documents": 1, "chunks": 1, "found": len(debug["results"])}
            for filter in (
                {"tags": ["secret"]},
                {"metadata": {"kind": "note"}},
                {"metadata": {"user_id": "ann"}},
            ):
                deleted = await desk.post(f"/{base}/documents/delete-by-filter", filter)
                assert deleted == {"deleted_count": 0}, who
            either = {
                "logical_op": "OR",
                "conditions": [{"key": "kind", "value": "note"}, {"key": "kind", "operator": "IS NOT NULL"}],
            }
            assert await desk.found(base, "lamp", metadata_filter=either) == []
        assert len(await ann.found(base, "lamp")) == 3


async def test_administrators_manage_users_documents_but_never_find_them_by_searching(tmp_path: Path) -> None:
    async with appliance(tmp_path) as (served, client):
        scene = Scene(served, client)
        admin = scene.admins["admin"]
        base = await scene.owner.base(per_user=True)
        secret = await scene.owner.add(base, "Olga's secret lamp.")
        assert [one["id"] for one in await settled(admin, base)] == [secret]
        whole = await admin.get(f"/{base}/documents/{secret}")
        assert (whole["content"], whole["user_id"]) == ("Olga's secret lamp.", "olga")
        assert await admin.found(base, "lamp") == []
        debug = await admin.post(f"/{base}/debug-search", {"query": "lamp", "mode": "keyword"})
        assert debug["results"] == []
        assert await scene.owner.found(base, "lamp") == ["Olga's secret lamp."]


async def test_nobody_adds_documents_in_somebody_elses_name(tmp_path: Path) -> None:
    async with appliance(tmp_path) as (served, client):
        scene = Scene(served, client)
        base = await scene.owner.base()
        as_vic = {"content": "x y z", "metadata": {"user_id": "vic"}}
        for body in (as_vic, {**as_vic, "private": True}):
            assert (await scene.owner.ask("POST", f"/{base}/documents", json=body)).status_code in (400, 403)
        doc = await scene.owner.add(base, "Mine alone.", private=True)
        assert (await scene.owner.get(f"/{base}/documents/{doc}"))["metadata"] == {"user_id": "olga"}
        taken = await scene.owner.ask(
            "PATCH", f"/{base}/documents/{doc}", json={"metadata": {"user_id": "vic"}}
        )
        assert taken.status_code in (400, 403)
        assert (await scene.owner.get(f"/{base}/documents/{doc}"))["user_id"] == "olga"
        by_admin = await scene.admins["admin"].add(base, "From the administrator.")
        assert (await scene.owner.get(f"/{base}/documents/{by_admin}"))["user_id"] is None


async def test_a_single_document_can_be_granted_and_taken_back(tmp_path: Path) -> None:
    async with appliance(tmp_path) as (served, client):
        scene = Scene(served, client)
        base = await scene.owner.base()
        shown, other = [await scene.owner.add(base, text) for text in ("Shown lamp.", "Other lamp.")]
        stan = scene.desks["stranger"]
        grants = f"/{base}/documents/{shown}/permissions"
        made = await scene.owner.ask("POST", grants, json={"user_id": "stan", "permission": "viewer"})
        assert (made.status_code, made.json()["permission"]) == (201, "viewer")
        assert (await stan.get(f"/{base}/documents/{shown}"))["title"]
        assert (await stan.ask("GET", f"/{base}/documents/{other}")).status_code == 404
        changed = await stan.ask("PATCH", f"/{base}/documents/{shown}", json={"title": "Mine"})
        assert changed.status_code == 403
        assert [one["user_id"] for one in await scene.owner.get(grants)] == ["stan"]
        assert (await scene.owner.ask("DELETE", f"{grants}/stan")).status_code == 204
        assert (await stan.ask("GET", f"/{base}/documents/{shown}")).status_code == 404


async def test_public_bases_are_read_by_all_of_the_tenant_and_changed_by_none_of_them(tmp_path: Path) -> None:
    async with appliance(tmp_path) as (served, client):
        scene = Scene(served, client)
        base = await scene.owner.base(visibility="public")
        await scene.owner.add(base, "A public lamp.")
        await settled(scene.owner, base)
        stan = scene.desks["stranger"]
        (listed,) = [one for one in (await stan.get())["knowledge_bases"] if one["id"] == base]
        assert listed["user_permission"] == "viewer"
        assert await stan.found(base, "lamp") == ["A public lamp."]
        assert (await stan.ask("POST", f"/{base}/documents", json={"content": "x"})).status_code == 403
        for who in ("other tenant's user", "other tenant's admin"):
            assert (await scene.desks[who].ask("GET", f"/{base}")).status_code == 404
