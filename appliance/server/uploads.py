"""Which requests may have a large body: those of endpoints that take a form."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.protocols.base import Face


def upload_paths(faces: Iterable[Face]) -> tuple[str, ...]:
    """Method and path of each, with variables in angle brackets, under each prefix that it is served."""
    return tuple(
        f"{endpoint.method} {mount}{endpoint.path}"
        for face in faces
        for mount in face.mounts
        for endpoint in face.endpoints
        if endpoint.form
    )
