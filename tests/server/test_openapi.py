"""`/openapi.json` as it is served: valid, whole, and nothing in it that is not there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from appliance.protocols import registry
from tests.support.stack import stack

METHODS = {"get", "put", "post", "delete", "patch"}
OWN = {("get", "/healthz"), ("get", "/readyz"), ("get", "/openapi.json")}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with stack(tmp_path, []) as served, httpx.AsyncClient(base_url=served.url) as client:
        yield client


async def described(client: httpx.AsyncClient) -> dict[str, Any]:
    document: dict[str, Any] = (await client.get("/openapi.json")).json()
    return document


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): item[method]
        for path, item in document["paths"].items()
        for method in METHODS & item.keys()
    }


async def test_the_document_is_valid_openapi_3_1(client: httpx.AsyncClient) -> None:
    document = await described(client)
    assert document["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []  # type: ignore[arg-type]
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert len(ids) == len({*ids})


async def test_every_endpoint_of_every_face_is_in_it_and_nothing_else(client: httpx.AsyncClient) -> None:
    served = {
        (endpoint.method.lower(), re.sub(r"<\*?(\w+)>", r"{\1}", endpoint.path))
        for face in registry.faces()
        for endpoint in face.endpoints
    }
    assert operations(await described(client)).keys() == served | OWN


async def test_every_endpoint_tells_its_answers_its_refusals_and_its_variables(
    client: httpx.AsyncClient,
) -> None:
    document = await described(client)
    silent = []
    for (method, path), operation in operations(document).items():
        good = [status for status in operation["responses"] if status[0] in "23"]
        variables = document["paths"][path].get("parameters", [])
        if not good or not operation["summary"] or not all(one["description"] for one in variables):
            silent.append(f"{method} {path}")
        if (method, path) not in OWN:
            refusals = [status for status in operation["responses"] if status not in good]
            assert all(operation["responses"][status]["content"] for status in refusals), path
    assert silent == []


async def test_a_path_below_several_prefixes_names_them(client: httpx.AsyncClient) -> None:
    item = (await described(client))["paths"]["/api/v2/agents"]
    assert item["servers"] == [{"url": "."}, {"url": "ndjson"}]
    for server in item["servers"]:
        answer = await client.get(f"/{server['url']}/api/v2/agents".replace("/./", "/"))
        assert answer.status_code == 401  # it is there, and asks for a key


async def test_whoever_has_the_document_already_is_not_sent_it_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/openapi.json")
    assert first.headers["content-type"] == "application/json"
    again = await client.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("rest", ["%0A", "a%0Ab", "//", "%2Fx", "/agents", "a/%E2%80%A8/b"])
async def test_whatever_stands_behind_its_prefix_a_face_answers_in_its_own_words(
    client: httpx.AsyncClient, rest: str
) -> None:
    refused = (await client.get(f"/v1/{rest}")).json()
    assert refused["error"]["code"] == "unknown_url"
    refused = (await client.get(f"/botpress/{rest}/nothing")).json()
    assert refused["type"] == "ResourceNotFound"


async def test_an_upload_is_described_as_the_form_that_it_is(client: httpx.AsyncClient) -> None:
    document = await described(client)
    upload = document["paths"]["/api/v1/ai/knowledge-bases/{id}/documents/upload"]["post"]
    ((kind, content),) = upload["requestBody"]["content"].items()
    assert (kind, upload["requestBody"]["required"]) == ("multipart/form-data", True)
    schema = content["schema"]
    assert schema["required"] == ["file"]
    assert schema["properties"]["file"]["format"] == "binary"
    assert {"title", "language"} <= schema["properties"].keys()
    assert all(field["description"] for field in schema["properties"].values())
    assert {"400", "401", "413"} <= upload["responses"].keys()
