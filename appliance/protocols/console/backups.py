"""Backups: made beside the running server, downloaded, checked, deleted."""

from __future__ import annotations

import msgspec

from appliance.engine import console_backups
from appliance.engine.console_backups import BackupFile, Verdict
from appliance.engine.engine import Engine
from appliance.protocols.base import Endpoint
from appliance.protocols.console.access import admin
from appliance.wire import Reply, Request

PATH = "/admin/api/backups"
FILE_TYPE = "application/octet-stream"


class BackupItems(msgspec.Struct, frozen=True, kw_only=True):
    """The newest first."""

    items: list[BackupFile]
    total: int
    next: str | None = None


@admin
async def list_backups(engine: Engine, request: Request) -> Reply:
    """`GET /backups`: those in the folder `backups` of the data folder."""
    items = await console_backups.listed(engine)
    return Reply(body=BackupItems(items=items, total=len(items)))


@admin
async def make_backup(engine: Engine, request: Request) -> Reply:
    """`POST /backups`: 201 when it is there, whole."""
    return Reply(status=201, body=await console_backups.make(engine, request.caller))


@admin
async def get_backup(engine: Engine, request: Request) -> Reply:
    """`GET /backups/<backup>`: the file, read from the disk while it is sent."""
    name = request.path["backup"]
    path = await console_backups.download(engine, name, request.caller)
    return Reply(body=path, content_type=FILE_TYPE, file_name=name)


@admin
async def delete_backup(engine: Engine, request: Request) -> Reply:
    """`DELETE /backups/<backup>`: 204."""
    await console_backups.delete(engine, request.path["backup"], request.caller)
    return Reply(status=204, body=None)


@admin
async def verify_backup(engine: Engine, request: Request) -> Reply:
    """`POST /backups/<backup>/verify`: reads all of it; 200 also when it is damaged."""
    return Reply(body=await console_backups.verify(engine, request.path["backup"]))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=PATH,
        handler=list_backups,
        summary="The backups in the data folder",
        answers={200: BackupItems},
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=PATH,
        handler=make_backup,
        summary="Make a backup of the whole database",
        answers={201: BackupFile},
        errors=(429,),
        access="admin",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/<backup>",
        handler=get_backup,
        summary="A backup as a file",
        answers={200: FILE_TYPE},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/<backup>",
        handler=delete_backup,
        summary="Delete a backup",
        answers={204: None},
        errors=(404, 409),
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/<backup>/verify",
        handler=verify_backup,
        summary="Read a backup and say whether it could be restored",
        answers={200: Verdict},
        errors=(404,),
        access="admin",
    ),
)
