"""Every endpoint against its description: schemathesis sends what `/openapi.json` allows, and what not.

Whatever is sent, the answer is one that is described: its status, its content type, the shape of its body.
Ids in paths and bodies are often those of things that are there, so that good answers are seen as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import requests
import schemathesis
import trio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from appliance.protocols import registry
from tests.server.fuzz_worlds import WORLDS, World
from tests.support.stack import OPEN_BOT, Stack, stack

EXAMPLES = 10
CHECKED: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ENDLESS = ("/listen", "/admin/api/live", "/admin/api/conversations/{id}/stream")
"""How the paths of streams end that go on for ever."""
STRANGERS = [{}, {"Authorization": "Bearer nobody"}, {"x-user-key": "nobody", "X-API-Key": "nobody"}]
NEVER_GOOD = {
    "POST /api/v2/agents/{agent}/conversations/{conversation}/tool-result",
    "POST /api/v1/ai/conversations/{id}/changes/{change_id}",
    "POST /admin/api/login",
    "POST /admin/api/conversations/{id}/leave",
    "POST /admin/api/conversations/{id}/messages",
    "GET /admin/api/oidc/start",
    "GET /admin/api/oidc/callback",
    "POST /admin/api/account/totp/confirm",
    "DELETE /admin/api/account/totp",
    "DELETE /admin/api/account/sessions/{session}",
}
"""What needs more than is there.

A call of a tool that the client runs, a change that waits, another service; or of an account of the console
what a stranger could not know: a name with its password, a code, a session that nobody has ended.
"""
BOTS = {
    "shop": OPEN_BOT.replace("---\n", "---\nuploads: true\n", 1),
    "private": OPEN_BOT.replace("---\n", "---\npublic: false\n", 1),
}

WHOLE = (
    "/code",
    "/overrides",
    "documents/{doc}",
    "conversations/{id}",
    "providers/{id}",
    "chatbots/{id}",
    "/admin/api/bots/{id}",
    "knowledge-bases/{id}",
    "/me",
)
"""How the paths of things end that have others in them, small ones first."""
HINDERING = ("knowledge-bases/{id}", "sync-configs/{sid}")
"""How the paths of things end whose changes may leave no room, or nothing that can be done."""
NOBODYS = ["a\0b", "ä/€", "0", "-1", "9" * 30, "null", "\n", "%00", "' OR 1=1 --", "x" * 300]
"""Ids that nothing has."""
BODIES = [
    b"",
    b"null",
    b"{",
    b"\xff\xfe",
    b'{"a": "\\ud800"}',
    b"[" * 50_000,
    b"9" * 5_000,
    b'{"a": 1e999, "a": NaN}',
    b" " * 1_100_000,
]
"""What no client sends."""
FORM = "multipart/form-data"
FORMS = [
    b"--b--\r\n",
    b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx',
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="\xff"\r\n\r\nx\r\n--b--\r\n',
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="../a\0.pdf"\r\n\r\n%PDF-\r\n--b--\r\n',
    b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" * 100,
]
VALUES = [None, "", "\0", "\ud83d\ude00", 10**30, -(10**30), 1e308, [], {}, True, "x" * 20_000, ["\0"] * 100]
"""For each field of a body in turn, whatever its type."""
QUERIES = ["", "\0", "9" * 5_000, "-1", "1_0", "\u0661", "nan", "0x10", "%", "a b\n", "\U0001f600"]
"""For each parameter in turn."""
HEADERS = [
    {"Accept": "\xff"},
    {"Content-Type": "text/plain; charset=utf-16"},
    {"Authorization": "Bearer " + "\xe9" * 10},
    {"X-API-Key": "a.b.c"},
    {"X-Agent-Id": "\xff\xfe"},
    {"Cookie": 'fluxbase_access_token="; ='},
    {"Origin": "null", "Last-Event-ID": "9" * 400},
]


class Attack:
    """All that is sent to one face; `problems` says what was answered otherwise than described."""

    def __init__(self, served: Stack, face: str, session: requests.Session) -> None:
        with httpx.Client(base_url=served.url) as client:
            self.world: World = WORLDS[face](served, client)
            schema = schemathesis.openapi.from_dict(_closed(client.get("/openapi.json").json()))
        found = [one.ok() for one in schema.include(tag=face).get_all_operations()]
        self.operations = sorted(found, key=_when)
        self.answered: dict[str, set[int]] = {}
        self.problems: list[str] = []
        self._url = served.url
        self._session = session

    def send(self, case: Case, headers: dict[str, str], **over: Any) -> int:
        """Send it, look at the answer, give its status."""
        wanted = case.as_transport_kwargs(base_url=self._url)
        shown = {name: value for name, value in (wanted.get("headers") or {}).items() if _is_no_key(name)}
        wanted |= {"headers": {**shown, **headers}, "timeout": 20, **over}
        if over:
            for name in {"json", "data", "files"} - over.keys():
                wanted.pop(name, None)
        endless = case.operation.path.endswith(ENDLESS)
        answer = self._session.request(**wanted, stream=endless)
        self.answered.setdefault(case.operation.label, set()).add(answer.status_code)
        if endless and answer.ok:
            assert answer.headers["content-type"] == "text/event-stream"
            answer.close()
            return answer.status_code
        try:
            case.validate_response(answer, checks=CHECKED)
        except (AssertionError, BaseExceptionGroup) as error:
            each = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
            sent = f"{answer.request.method} {answer.request.url} {str(answer.request.body)[:200]}"
            self.problems += [
                f"{case.operation.label}: {one}\n{sent[:500]}\n{answer.text[:300]}" for one in each
            ]
        return answer.status_code

    def please(self, operation: APIOperation[Any, Any, Any, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """Send what should be good, with one id after the other; gives the path and headers that were."""
        bodies = [*_good_bodies(operation, self.world.ids)] or [None]
        query = {
            one.name: self.world.ids[one.name][0] for one in operation.query if one.name in self.world.ids
        }
        for path in _paths(operation, self.world.ids):
            for headers in self.world.headers:
                asked = [_case(operation, path, body) for body in bodies]
                asked += [_case(operation, path, query=query)] if query else []
                if min(self.send(case, headers) for case in asked) < 300:
                    return path, headers
        return path, headers

    def fuzz(self, operation: APIOperation[Any, Any, Any, Any]) -> None:
        """What its description allows, and what it does not."""
        modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        spared = [*operation.path_parameters][-1:] if operation.method == "delete" else []
        ids = {name: there for name, there in self.world.ids.items() if name not in _names(spared)}

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=st.one_of(operation.as_strategy(generation_mode=mode) for mode in modes), data=st.data())
        def fuzzed(case: Case, data: st.DataObject) -> None:
            for name in case.path_parameters or {}:
                id = data.draw(st.sampled_from([*ids.get(name, []) * 4, *NOBODYS, None]))
                if id is not None:
                    case.path_parameters[name] = quote(id, safe="")
            if isinstance(case.body, dict):
                for name in case.body.keys() & ids.keys():
                    case.body[name] = data.draw(st.sampled_from([case.body[name], *ids[name] * 2]))
            self.send(case, data.draw(st.sampled_from([*self.world.headers * 4, *STRANGERS])))

        fuzzed()

    def strain(
        self, operation: APIOperation[Any, Any, Any, Any], path: dict[str, str], me: dict[str, str]
    ) -> None:
        """What no schema says: broken bodies, values without measure, bytes that are no text."""
        for headers in HEADERS:
            self.send(_case(operation, path), {**me, **headers})
        for query in _queries(operation.definition.raw):
            self.send(_case(operation, path, query=query), me)
        if "requestBody" in operation.definition.raw:
            for raw in BODIES:
                self.send(_case(operation, path), {**me, "Content-Type": "application/json"}, data=raw)
            for raw in FORMS:
                self.send(_case(operation, path), {**me, "Content-Type": f"{FORM}; boundary=b"}, data=raw)
            for body in _bad_bodies(operation, self.world.ids):
                self.send(_case(operation, path, body), me)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("face", sorted({face.name for face in registry.faces()}))
async def test_every_endpoint_answers_as_it_is_described(face: str, tmp_path: Path) -> None:
    assert face in WORLDS, f"make a world for {face} in fuzz_worlds.py"
    unlimited = {
        "requests_per_10_s_max": 0,
        "strangers_users_per_minute_max": 0,
        "strangers_conversations_per_minute_max": 0,
        "embedding_provider": "local",  # whatever providers are made and flagged: they are elsewhere
    }
    async with stack(tmp_path, bots=BOTS, demo=True, default_bot="shop", **unlimited) as served:
        attack = await trio.to_thread.run_sync(_attacked, served, face)
    assert attack.problems == [], "\n\n".join(attack.problems)
    silent = [label for label, statuses in attack.answered.items() if min(statuses) >= 300]
    silent = [label for label in silent if label not in NEVER_GOOD]
    assert silent == [], ", ".join(silent)


def _attacked(served: Stack, face: str) -> Attack:
    with requests.Session() as session:
        session.trust_env = False  # it would look for proxies at each request
        attack = Attack(served, face, session)
        for operation in attack.operations:
            path, headers = attack.please(operation)
            attack.fuzz(operation)
            attack.strain(operation, path, headers)
    return attack


def _closed(document: dict[str, Any]) -> dict[str, Any]:
    """The document without the freedom of answers to have further fields: here all must be described."""
    components = document["components"]["schemas"]
    waiting = {
        ref for path in document["paths"].values() for one in path.values() for ref in _refs_of_body(one)
    }
    read: set[str] = set()
    while waiting:
        name = waiting.pop()
        read.add(name)
        waiting |= _refs(components[name]) - read
    for name in components.keys() - read:
        if "properties" in components[name]:
            components[name]["additionalProperties"] = False
    return document


def _refs_of_body(operation: Any) -> set[str]:
    return _refs(operation.get("requestBody")) if isinstance(operation, dict) else set()


def _refs(schema: Any) -> set[str]:
    return {*re.findall(r"#/components/schemas/([\w.]+)", json.dumps(schema))}


def _when(operation: APIOperation[Any, Any, Any, Any]) -> int:
    """What deletes comes last: first parts of a whole, then the whole, then who had it.

    Before that comes what may keep others from being good.
    """
    if operation.method != "delete":
        return int(operation.method in ("put", "patch") and operation.path.endswith(HINDERING))
    return 1 + max((place for place, end in enumerate(WHOLE, 1) if operation.path.endswith(end)), default=0)


def _is_no_key(name: str) -> bool:
    return name.lower() not in {"authorization", "cookie"} and "key" not in name.lower()


def _case(
    operation: APIOperation[Any, Any, Any, Any],
    path: dict[str, str],
    body: dict[str, Any] | None = None,
    query: dict[str, str] | None = None,
) -> Case:
    if body is None:
        return operation.Case(path_parameters={**path}, query=query or {})
    kind = next(iter(operation.definition.raw["requestBody"]["content"]))
    return operation.Case(path_parameters={**path}, body=body, media_type=kind)


def _names(parameters: Sequence[Any]) -> set[str]:
    return {one.name for one in parameters}


def _paths(
    operation: APIOperation[Any, Any, Any, Any], ids: dict[str, list[Any]]
) -> Iterator[dict[str, str]]:
    """The path's variables with all that is there."""
    names = [one.name for one in operation.path_parameters]
    for values in product(*(ids.get(name) or ["0"] for name in names)):
        yield {name: quote(value, safe="") for name, value in zip(names, values, strict=True)}


def _queries(raw: dict[str, Any]) -> Iterator[dict[str, str]]:
    names = [one["name"] for one in raw.get("parameters", []) if one["in"] == "query"]
    yield from ({name: value} for name in names for value in QUERIES)


# -- bodies ------------------------------------------------------------------------------------------


def _schema(operation: APIOperation[Any, Any, Any, Any]) -> dict[str, Any]:
    """The schema of its body, with what it refers to; empty without a body."""
    if "requestBody" not in operation.definition.raw:
        return {}
    ((kind, content),) = operation.definition.raw["requestBody"]["content"].items()
    schema, components = content["schema"], operation.schema.raw_schema["components"]["schemas"]
    if kind == FORM:
        return {**schema, "components": components}
    return {**components[schema["$ref"].rpartition("/")[2]], "components": components}


def _fields(schema: dict[str, Any], ids: dict[str, list[Any]]) -> dict[str, Any]:
    known = {name: there[0] for name, there in ids.items()}
    each = schema["properties"].items()
    return {name: _good(name, one, schema["components"], known) for name, one in each}


def _good_bodies(
    operation: APIOperation[Any, Any, Any, Any], ids: dict[str, list[Any]]
) -> Iterator[dict[str, Any]]:
    """What is needed, alone and with each of the other fields, and all of them."""
    if schema := _schema(operation):
        good = _fields(schema, ids)
        needed = {name: value for name, value in good.items() if name in schema.get("required", [])}
        yield needed
        yield from ({**needed, name: value} for name, value in good.items() if name not in needed)
        yield good


def _bad_bodies(
    operation: APIOperation[Any, Any, Any, Any], ids: dict[str, list[Any]]
) -> Iterator[dict[str, Any]]:
    """Good ones but for one field."""
    if FORM in operation.definition.raw["requestBody"]["content"]:
        return  # its fields are texts, whatever they hold
    needed, *_ = _good_bodies(operation, ids)
    for name in _schema(operation)["properties"]:
        yield from ({**needed, name: value} for value in VALUES)


def _good(name: str, schema: dict[str, Any], components: dict[str, Any], known: dict[str, Any]) -> Any:
    """A value that fits, as far as types go."""
    if name in known:
        return known[name]
    if "$ref" in schema:
        return _good(name, components[schema["$ref"].rpartition("/")[2]], components, known)
    if "anyOf" in schema:
        return _good(name, schema["anyOf"][0], components, known)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        needed = schema.get("required", [])
        return {key: _good(key, schema["properties"][key], components, known) for key in needed}
    if schema.get("type") == "array":
        return [_good(name, schema["items"], components, known)] if schema.get("items") else []
    plain: dict[str, Any] = {"integer": 1, "number": 1.5, "boolean": False, "string": "some text"}
    return plain.get(schema.get("type", "object"), {})
