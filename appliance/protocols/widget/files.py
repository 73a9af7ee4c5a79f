"""Files that visitors attach to a conversation."""

from __future__ import annotations

from appliance.engine import widget_files, widget_history
from appliance.engine.engine import Engine
from appliance.engine.widget_files import AttachedFile
from appliance.errors import InvalidInput
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.widget import shapes
from appliance.wire import Reply, Request

FORM = (
    Param(
        name="file",
        where="form",
        required=True,
        description="The file; its kind is told by what is in it, then by its name, then by its type",
        schema={"type": "string", "format": "binary"},
    ),
)


def may_attach(engine: Engine, request: Request) -> int:
    """Is there room and leave for one more? The most bytes that it may have."""
    widget_history.require_session(request.caller)
    return widget_files.check(engine, request.path["id"], request.caller)


async def attach(engine: Engine, request: Request) -> Reply:
    """`POST /conversations/<id>/files`: answered when it was read; 200 when it was there already."""
    file = request.form.get("file")
    if file is None:
        raise InvalidInput('The form has no part named "file".')
    kept, is_new = await widget_files.add(
        engine,
        request.path["id"],
        request.caller,
        file.data,
        name=file.file_name,
        mime_type=file.content_type,
    )
    return Reply(status=201 if is_new else 200, body=_item(kept))


async def listed(engine: Engine, request: Request) -> Reply:
    """`GET /conversations/<id>/files`."""
    id = widget_history.own(engine, request.path["id"], request.caller).id
    items = [_item(file) for file in await widget_files.listed(engine, id, request.caller)]
    return Reply(body=shapes.FileItems(items=items, total=len(items), next=None))


async def drop(engine: Engine, request: Request) -> Reply:
    """`DELETE /conversations/<id>/files/<file_id>`."""
    id = widget_history.own(engine, request.path["id"], request.caller).id
    file_id = request.path["file_id"]
    await widget_files.drop(engine, id, request.caller, file_id)
    return Reply(body=shapes.Deleted(deleted=True, id=file_id))


def _item(file: AttachedFile) -> shapes.FileItem:
    item = shapes.FileItem(id=file.id, name=file.name, bytes=file.bytes, characters=file.characters)
    if file.note:
        item["note"] = file.note
    return item


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/api/v1/widget/conversations/<id>/files",
        handler=attach,
        summary="Attach a file to a conversation",
        form=FORM,
        check=may_attach,
        answers={200: shapes.FileItem, 201: shapes.FileItem},
        errors=(400, 401, 403, 404, 409, 413, 415, 422, 429),
        access="anyone",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/widget/conversations/<id>/files",
        handler=listed,
        summary="The files of a conversation",
        answers={200: shapes.FileItems},
        errors=(401, 403, 404),
        access="anyone",
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/widget/conversations/<id>/files/<file_id>",
        handler=drop,
        summary="Delete a file of a conversation",
        answers={200: shapes.Deleted},
        errors=(401, 403, 404),
        access="anyone",
    ),
)
