"""The 0.2.x dialect at the edge (14.1): its payloads <-> those of today. Pure.

What today's clients have no kind for is kept as a text that carries the old payload along under `v1`, so that
old clients get back exactly what was sent and new ones something they can show.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from appliance.errors import InvalidInput
from appliance.protocols.botpress.payloads import Payload, as_text, is_payload
from appliance.protocols.client_json import check_depth

NonEmpty: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
CARRIED = "v1"
URLS = {"image": "imageUrl", "audio": "audioUrl", "video": "videoUrl", "file": "fileUrl"}
"""Where the newer payload has what the older one calls `url`."""
SAME = frozenset({"text", "location"})


class OldText(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """Plain words."""

    text: NonEmpty


class OldImage(msgspec.Struct, frozen=True, tag_field="type", tag="image"):
    """A picture."""

    url: NonEmpty
    orientation: str | UnsetType = UNSET


class OldAudio(msgspec.Struct, frozen=True, tag_field="type", tag="audio"):
    """A sound."""

    url: NonEmpty


class OldVideo(msgspec.Struct, frozen=True, tag_field="type", tag="video"):
    """A film."""

    url: NonEmpty


class OldFile(msgspec.Struct, frozen=True, tag_field="type", tag="file"):
    """Any file."""

    url: NonEmpty
    title: NonEmpty | UnsetType = UNSET


class OldLocation(msgspec.Struct, frozen=True, tag_field="type", tag="location"):
    """A place on earth."""

    latitude: float
    longitude: float
    title: str | UnsetType = UNSET


class OldButton(msgspec.Struct, frozen=True, tag_field="type", tag="button", rename="camel"):
    """A button that was pressed, or is there to be."""

    variant: Literal["action", "link"]
    text: NonEmpty
    button_value: str
    reusable: bool | UnsetType = UNSET
    group_id: str | UnsetType = UNSET


class OldCustom(msgspec.Struct, frozen=True, tag_field="type", tag="custom"):
    """Whatever both sides agree on."""

    payload: dict[str, Any]


OldPayload: TypeAlias = (
    OldText | OldImage | OldAudio | OldVideo | OldFile | OldLocation | OldButton | OldCustom
)


def newer(payload: dict[str, Any]) -> dict[str, Any]:
    """An old client's payload as today's; raises `InvalidInput`."""
    check_depth(payload)
    try:
        old: OldPayload = msgspec.convert(payload, OldPayload)
    except (msgspec.ValidationError, OverflowError) as error:
        raise InvalidInput(f"The payload is not of the expected form: {error}.") from error
    if isinstance(old, OldButton):
        return {"type": "text", "text": old.text, CARRIED: payload}
    if isinstance(old, OldCustom):
        return {"type": "text", "text": "[custom]", CARRIED: payload}
    kind = payload["type"]
    if kind in SAME:
        return payload
    rest = {name: value for name, value in payload.items() if name != "url"}
    return {**rest, URLS[kind]: payload["url"]}


def is_custom(payload: dict[str, Any]) -> bool:
    """Is it one that `newer` made of something without words?"""
    carried = payload.get(CARRIED)
    return isinstance(carried, dict) and carried.get("type") == "custom"


def older(payload: dict[str, Any]) -> dict[str, Any]:
    """Today's payload as an old client knows it; as a text where it knows no such kind."""
    if _is_old(payload.get(CARRIED)):
        carried: dict[str, Any] = payload[CARRIED]
        return carried
    kind = payload.get("type")
    if kind in URLS:
        url = URLS[kind]
        return {**{name: value for name, value in payload.items() if name != url}, "url": payload[url]}
    if kind in SAME or not is_payload(payload):
        return payload
    known: Payload = msgspec.convert(payload, Payload)
    return {"type": "text", "text": as_text(known)}


def _is_old(carried: Any) -> bool:
    if not isinstance(carried, dict) or carried.get("type") not in {"button", "custom"}:
        return False
    try:
        msgspec.convert(carried, OldPayload)
    except (msgspec.ValidationError, OverflowError):
        return False
    return True
