"""Faces -> one OpenAPI 3.1 document that tells all of their endpoints. Pure.

It says what the endpoint tables say, and what the server itself does for every endpoint: it looks at
credentials, reads bodies, counts requests. So it is true when the tables are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from appliance.protocols.base import Endpoint, Face, Param
from appliance.protocols.json_schemas import Json, Schemas

JSON = "application/json"
FORM = "multipart/form-data"
STREAMS = frozenset({"text/event-stream", "application/x-ndjson"})
"""Media types of answers that go on; OpenAPI 3.1 has no schema for what comes one after the other."""
_NO_NAME = re.compile(r"[/<>*]+")
_VARIABLE = re.compile(r"<(\*?)(\w+)>")

KEYS = {
    "X-API-Key": "A tenant's key or any other, for clients that send it so.",
    "X-Service-Key": "A service key.",
    "X-Client-Key": "A key for pages, which everybody may see.",
    "apikey": "The same, for clients that send it so.",
}
"""Headers that the door reads credentials from, beside `Authorization`."""
USER_KEYS = {
    "x-user-key": "The key of a user of the Botpress Chat API, from the answer that made the user.",
    "x-chat-key": "The same, as clients of 0.2.x send it.",
}
"""Headers that a face reads credentials from by itself."""
_BEARER = "bearer"
_COOKIES = {
    "fluxbase_access_token": "A token, as the dashboard keeps it.",
    "appliance_console": "A session of the console.",
}

_ACCESS = {
    "open": "No credential is looked at.",
    "anyone": "Also without a credential; a bad one is refused.",
    "user": "With a user's token or a key.",
    "key": "With a tenant's key or a service key.",
    "operator": "For people of the console, or with an administrator's token or a service key.",
    "admin": "For administrators: a token of the role admin, or a service key.",
}
_STATUSES = {
    200: "Good.",
    201: "It was made.",
    202: "It was taken and is being done.",
    204: "There is nothing to tell.",
    302: "Go on at the address in `Location`.",
    400: "What was sent is not as described.",
    401: "No credential was shown, or one that is not good.",
    402: "What may be spent has been spent.",
    403: "The caller is known and may not do this.",
    404: "There is no such thing, or it is somebody else's.",
    405: "The path is there, for other methods.",
    409: "It does not fit what is there already.",
    413: "The body is too large.",
    415: "It is of a kind that cannot be read.",
    422: "This cannot be done with that.",
    429: "Too many requests, or a limit is reached: try again later.",
    500: "The answer could not be made.",
    503: "The server stops, or cannot use its database.",
}
_FAULT = "A fault of the server's; its log has the reason."


def describe(faces: Sequence[Face], *, version: str, own: Mapping[str, Json] | None = None) -> Json:
    """The document. `own` are path items of the server itself, which no face has."""
    paths: dict[str, Json] = {}
    components: Json = {}
    for face in faces:
        schemas = Schemas(
            face.name,
            bodies=[endpoint.body for endpoint in face.endpoints],
            answers=[face.error, *(one for endpoint in face.endpoints for one in endpoint.answers.values())],
        )
        for endpoint in face.endpoints:
            item = paths.setdefault(_path(endpoint.path), _item(face, endpoint))
            item[endpoint.method.lower()] = _operation(face, endpoint, schemas)
        components |= schemas.components
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Chat appliance",
            "version": version,
            "description": "Every protocol that this server speaks over HTTP. The chats of Fluxbase "
            "and Lexicon run over WebSocket, which such a document cannot tell.",
        },
        "servers": [{"url": "."}],
        "tags": [{"name": face.name} for face in faces] + ([{"name": "Server"}] if own else []),
        "paths": {**paths, **(own or {})},
        "components": {"schemas": components, "securitySchemes": _security_schemes()},
    }


# -- paths ---------------------------------------------------------------------------------------------


def _path(path: str) -> str:
    """With variables in braces."""
    return _VARIABLE.sub(r"{\2}", path)


def _item(face: Face, endpoint: Endpoint) -> Json:
    """What all methods of a path share: its variables, and under which prefixes it is served."""
    item: Json = {"parameters": variables} if (variables := _variables(face, endpoint)) else {}
    if face.mounts != ("",):
        item["servers"] = [{"url": mount.removeprefix("/") or "."} for mount in face.mounts]
    return item


def _variables(face: Face, endpoint: Endpoint) -> list[Json]:
    found = []
    for many, name in _VARIABLE.findall(endpoint.path):
        text = face.variables.get(name, "")
        if many:
            text = f"{text}; slashes in it may stand as they are".removeprefix("; ")
        schema = {"type": "string", "minLength": 1}
        found.append({"name": name, "in": "path", "required": True, "description": text, "schema": schema})
    return found


# -- operations ----------------------------------------------------------------------------------------


def _operation(face: Face, endpoint: Endpoint, schemas: Schemas) -> Json:
    operation: Json = {
        "tags": [face.name],
        "summary": endpoint.summary,
        "operationId": f"{endpoint.method.lower()}{_NO_NAME.sub('_', endpoint.path)}".rstrip("_"),
        "security": _security(face, endpoint),
    }
    if face.identifies:
        operation["description"] = _ACCESS[endpoint.access]
    parameters = [_parameter(param) for param in endpoint.params if param.name not in USER_KEYS]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        content = {JSON: {"schema": schemas.of(endpoint.body)}}
        operation["requestBody"] = {"required": endpoint.body_required, "content": content}
    elif endpoint.form:
        operation["requestBody"] = {"required": True, "content": {FORM: {"schema": _form(endpoint.form)}}}
    operation["responses"] = {**_answers(endpoint, schemas), **_errors(face, endpoint, schemas)}
    return operation


def _form(fields: Sequence[Param]) -> Json:
    """The fields of a form; a file among them says so by the `format` of its schema."""
    return {
        "type": "object",
        "properties": {field.name: {**field.schema, "description": field.description} for field in fields},
        "required": [field.name for field in fields if field.required],
    }


def _parameter(param: Param) -> Json:
    return {
        "name": param.name,
        "in": param.where,
        "required": param.required,
        "description": param.description,
        "schema": param.schema,
    }


def _answers(endpoint: Endpoint, schemas: Schemas) -> Json:
    found: Json = {}
    for status, answer in endpoint.answers.items():
        told: Json = {"description": _STATUSES[status]}
        kinds = answer if isinstance(answer, tuple) else (answer,)
        if content := dict(_contents(kinds, schemas)):
            told["content"] = content
        found[str(status)] = told
    return found


def _contents(kinds: Iterable[Any], schemas: Schemas) -> Iterator[tuple[str, Json]]:
    for kind in kinds:
        if isinstance(kind, str):
            yield kind, {} if kind in STREAMS else {"schema": {"type": "string"}}
        elif kind is not None:
            yield JSON, {"schema": schemas.of(kind)}


def _errors(face: Face, endpoint: Endpoint, schemas: Schemas) -> Json:
    """All refusals: the endpoint's own and those of the door."""
    content = {JSON: {"schema": schemas.of(face.error)}} if face.error else {}
    found: dict[str, Json] = {}
    for status in sorted({*endpoint.errors, *_refused_at_the_door(face, endpoint)}):
        told: Json = {"description": _STATUSES[status], "content": content}
        if status == 429:
            wait = {"description": "In so many seconds", "schema": {"type": "integer"}}
            told["headers"] = {"Retry-After": wait}
        found[str(status)] = told
    return {**found, "5XX": {"description": _FAULT, "content": content}}


def _refused_at_the_door(face: Face, endpoint: Endpoint) -> Iterator[int]:
    if face.identifies and endpoint.access != "open":
        yield from (401, 403)
    if endpoint.body is not None or endpoint.form:
        yield from (400, 413)
    if face.requests_per_10_s:
        yield 429


# -- credentials ---------------------------------------------------------------------------------------


def _security(face: Face, endpoint: Endpoint) -> list[dict[str, list[str]]]:
    """Any one of these; an empty one is none."""
    if not face.identifies:
        return [{param.name: []} for param in endpoint.params if param.name in USER_KEYS]
    if endpoint.access == "open":
        return []
    names = [_BEARER, *KEYS, *([face.cookie] if face.cookie else [])]
    nobody: list[dict[str, list[str]]] = [{}] if endpoint.access == "anyone" else []
    return nobody + [{name: []} for name in names]


def _security_schemes() -> Json:
    text = "A user's or administrator's token, or a key of any kind."
    schemes: Json = {_BEARER: {"type": "http", "scheme": "bearer", "description": text}}
    for name, text in _COOKIES.items():
        schemes[name] = {"type": "apiKey", "in": "cookie", "name": name, "description": text}
    for name, text in {**KEYS, **USER_KEYS}.items():
        schemes[name] = {"type": "apiKey", "in": "header", "name": name, "description": text}
    return schemes
