"""Fluxbase's upload of a file as a document (6.3, 6.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from appliance.engine.engine import Engine
from appliance.engine.knowledge import documents
from appliance.errors import InvalidInput
from appliance.identity import Caller
from appliance.protocols.base import Check, Param
from appliance.protocols.fluxbase.knowledge_desk import Desk
from appliance.protocols.fluxbase.shapes_knowledge_documents import DocumentUploaded
from appliance.wire import Reply, Request

NAMELESS = "blob"
"""What browsers call a file that has no name: it tells nothing of its kind."""

FORM = (
    Param(
        name="file",
        where="form",
        required=True,
        description="The file; its kind is told by what is in it, then by its name, then by its type",
        schema={"type": "string", "format": "binary"},
    ),
    Param(name="title", where="form", description="Without one, the file's own or its name"),
    Param(name="language", where="form", description="In which languages it is, such as eng,deu"),
    Param(name="tags", where="form", description='Ours: tags, separated by commas or as JSON: ["a", "b"]'),
    Param(name="metadata", where="form", description="Ours: a JSON object"),
    Param(
        name="private",
        where="form",
        description="Ours: with true nobody but the caller sees it",
        schema={"type": "string", "enum": ["true", "false"]},
    ),
)


def check_by(open_desk: Callable[[Engine, Caller], Desk]) -> Check:
    """Who may not add a file to this base learns it before theirs is read and fills the memory."""

    def check(engine: Engine, request: Request) -> int:
        desk = open_desk(engine, request.caller)
        documents.check_upload(desk.library, desk.caller, request.path["id"])
        return engine.services.settings.document_bytes_max

    return check


async def upload(desk: Desk, request: Request) -> Reply:
    """`POST /:id/documents/upload`: 202 when it was read, or is still being read.

    What cannot be read within some seconds is told at once: 400 with the reason, and nothing is kept. Of a
    large file that comes out later, as the document's `error_message`.
    """
    file = request.form.get("file")
    if file is None:
        raise InvalidInput('The form has no part named "file".')
    name = "" if file.file_name == NAMELESS else file.file_name
    base_id = request.path["id"]
    taken = await documents.upload_file(
        desk.library,
        desk.caller,
        base_id,
        data=file.data,
        file_name=name,
        mime_type=file.content_type,
        title=request.field("title"),
        language=request.field("language"),
        metadata=_metadata(request.field("metadata")),
        tags=_tags(request.field("tags")),
        own=_is_true(request.field("private")),
    )
    document, content = await documents.get(desk.library, desk.caller, base_id, taken.id)
    is_read = bool(content)
    text = "The file was read and is being indexed." if is_read else "The file was taken and is being read."
    return Reply(
        status=202,
        body=DocumentUploaded(
            document_id=document.id,
            status="processing",
            message=text,
            filename=file.file_name,
            extracted_length=len(content),
            mime_type=document.mime_type,
        ),
    )


def _metadata(text: str) -> dict[str, Any] | None:
    if not text.strip():
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidInput(f"The field metadata must be a JSON object: {error}.") from error


def _tags(text: str) -> tuple[str, ...]:
    if not text.lstrip().startswith("["):
        return tuple(tag for part in text.split(",") if (tag := part.strip()))
    try:
        return tuple(msgspec.json.decode(text, type=list[str]))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidInput(f"The field tags must be texts: {error}.") from error


def _is_true(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("", "true", "false", "1", "0"):
        raise InvalidInput(f"The field private={text[:50]!r} must be true or false.")
    return word in ("true", "1")
