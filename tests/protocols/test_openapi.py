"""What the document tells of types and endpoints, from tables made for it."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.errors import ApplianceError
from appliance.protocols.base import Endpoint, Face, Param
from appliance.protocols.openapi import describe
from appliance.wire import Reply


class Both(msgspec.Struct):
    """Read and told."""

    size: int = 1


class Asked(msgspec.Struct):
    """A body (3.2, 14)."""

    both: Both
    name: str = ""


class Told(msgspec.Struct, tag_field="type", tag="told", rename="camel"):
    """An answer."""

    both: Both
    last_name: str = ""
    names: list[str] = []
    maybe: str | msgspec.UnsetType = msgspec.UNSET


class Sparse(msgspec.Struct, omit_defaults=True):
    """Absent keys are absent."""

    id: str
    name: str = ""


def refuse(error: ApplianceError) -> Reply:
    return Reply(body={})


def described(*, face: dict[str, Any] | None = None, **endpoint: Any) -> dict[str, Any]:
    given = {"method": "POST", "path": "/x/<id>", "handler": None, "summary": "Do it", **endpoint}
    made = Face(
        name="The Face",
        prefixes=("/x",),
        endpoints=(Endpoint(**given),),
        refuse=refuse,
        error=Sparse,
        **(face or {}),
    )
    return describe([made], version="1")


def operation(document: dict[str, Any]) -> dict[str, Any]:
    [path] = document["paths"].values()
    found: dict[str, Any] = path["post"]
    return found


def test_a_default_may_be_left_out_of_a_body_and_is_always_in_an_answer() -> None:
    types = described(body=Asked, answers={200: Told, 201: Sparse})["components"]["schemas"]
    assert types["TheFace.Asked"]["required"] == ["both"]
    assert types["TheFace.Told"]["required"] == ["type", "both", "lastName", "names"]
    assert types["TheFace.Sparse"]["required"] == ["id"]
    assert types["TheFace.Both"].get("required", []) == []  # it is read, too


def test_numbers_of_sections_are_not_told() -> None:
    assert described(body=Asked)["components"]["schemas"]["TheFace.Asked"]["description"] == "A body."


def test_an_answer_in_several_forms_names_them_all() -> None:
    answers = operation(described(answers={200: (Told, "text/csv"), 204: None}))["responses"]
    assert answers["200"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/TheFace.Told"}},
        "text/csv": {"schema": {"type": "string"}},
    }
    assert "content" not in answers["204"]


def test_the_door_s_own_refusals_are_told_where_they_can_come() -> None:
    silent = operation(described(access="open"))["responses"]
    assert {*silent} == {"5XX"}
    strict = described(body=Asked, errors=(404,), face={"requests_per_10_s": True})
    assert {*operation(strict)["responses"]} == {"400", "401", "403", "404", "413", "429", "5XX"}


def test_a_header_with_a_user_s_key_is_a_credential_and_no_parameter() -> None:
    key = Param(name="x-user-key", description="The key", where="header")
    told = operation(described(params=(key,), face={"identifies": False}))
    assert told["security"] == [{"x-user-key": []}]
    assert "parameters" not in told


def test_who_may_ask_without_a_credential_has_an_empty_choice() -> None:
    assert operation(described(access="anyone"))["security"][0] == {}
    assert operation(described(access="open"))["security"] == []
    assert {} not in operation(described(access="admin"))["security"]
