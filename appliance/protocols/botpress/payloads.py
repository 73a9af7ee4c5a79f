"""Payloads of messages (9): which there are, what they need, and what of them a bot can read. Pure.

What is valid is kept as it came, unknown keys included; only the items of a carousel get the `type` that
newer clients insist on.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from appliance.errors import InvalidInput
from appliance.protocols.client_json import check_depth

NonEmpty: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]

CONTENT_CHARS_MAX = 100_000
"""What the bot reads of a text; the whole of it is kept and shown."""


class Text(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """Plain words."""

    text: NonEmpty


class Markdown(msgspec.Struct, frozen=True, tag_field="type", tag="markdown"):
    """Words with marks."""

    markdown: NonEmpty


class Image(msgspec.Struct, frozen=True, tag_field="type", tag="image", rename="camel"):
    """A picture."""

    image_url: NonEmpty


class Audio(msgspec.Struct, frozen=True, tag_field="type", tag="audio", rename="camel"):
    """A sound."""

    audio_url: NonEmpty


class Video(msgspec.Struct, frozen=True, tag_field="type", tag="video", rename="camel"):
    """A film."""

    video_url: NonEmpty


class File(msgspec.Struct, frozen=True, tag_field="type", tag="file", rename="camel"):
    """Any file."""

    file_url: NonEmpty
    title: NonEmpty | UnsetType = UNSET


class Location(msgspec.Struct, frozen=True, tag_field="type", tag="location"):
    """A place on earth; address and title may be empty."""

    latitude: float
    longitude: float
    address: str | UnsetType = UNSET
    title: str | UnsetType = UNSET


class Action(msgspec.Struct, frozen=True):
    """A button of a card."""

    action: Literal["postback", "url", "say"]
    label: NonEmpty
    value: NonEmpty


class Card(msgspec.Struct, frozen=True, tag_field="type", tag="card", rename="camel"):
    """A title with buttons, of which there may be none."""

    title: NonEmpty
    actions: list[Action]
    subtitle: NonEmpty | UnsetType = UNSET
    image_url: NonEmpty | UnsetType = UNSET


class Item(msgspec.Struct, frozen=True, rename="camel"):
    """A card in a carousel, where older clients leave its type out."""

    title: NonEmpty
    actions: list[Action]
    type: Literal["card"] | UnsetType = UNSET
    subtitle: NonEmpty | UnsetType = UNSET
    image_url: NonEmpty | UnsetType = UNSET


class Carousel(msgspec.Struct, frozen=True, tag_field="type", tag="carousel"):
    """Cards beside each other."""

    items: list[Item]


class Option(msgspec.Struct, frozen=True):
    """One thing to choose."""

    label: NonEmpty
    value: NonEmpty


class Choice(msgspec.Struct, frozen=True, tag_field="type", tag="choice"):
    """Buttons to choose from."""

    text: NonEmpty
    options: list[Option]


class Dropdown(msgspec.Struct, frozen=True, tag_field="type", tag="dropdown"):
    """A list to choose from."""

    text: NonEmpty
    options: list[Option]


Flat: TypeAlias = Text | Markdown | Image | Audio | Video | File | Location


class Bloc(msgspec.Struct, frozen=True, tag_field="type", tag="bloc"):
    """Several simple payloads as one message."""

    items: list[Flat]


Payload: TypeAlias = Flat | Card | Carousel | Choice | Dropdown | Bloc


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What the bot makes of a payload: its words, and whether they are there to be answered."""

    content: str
    answered: bool


def checked(payload: dict[str, Any]) -> tuple[dict[str, Any], Read]:
    """The payload as it is kept, and what the bot reads of it; raises `InvalidInput`."""
    check_depth(payload)
    try:
        parsed: Payload = msgspec.convert(payload, Payload)
    except (msgspec.ValidationError, OverflowError) as error:
        raise InvalidInput(f"The payload is not of the expected form: {error}.") from error
    if isinstance(parsed, Carousel):
        payload = {**payload, "items": [{**item, "type": "card"} for item in payload["items"]]}
    return payload, read(parsed)


def is_payload(payload: dict[str, Any] | None) -> bool:
    """Would a client know it? Other wires keep messages in forms of their own."""
    try:
        msgspec.convert(payload, Payload)
    except (msgspec.ValidationError, OverflowError):
        return False
    return True


def read(payload: Payload) -> Read:
    """Words are answered, alone or in a bloc; anything else is only noted."""
    match payload:
        case Text() | Markdown():
            words = as_text(payload)
            return Read(content=words[:CONTENT_CHARS_MAX], answered=bool(words.strip()))
        case Bloc(items=items):
            answered = any(isinstance(item, Text | Markdown) and as_text(item).strip() for item in items)
            return Read(content=as_text(payload)[:CONTENT_CHARS_MAX], answered=answered)
        case _:
            return Read(content=as_text(payload)[:CONTENT_CHARS_MAX], answered=False)


def as_text(payload: Payload | Item) -> str:
    """The payload in words, for a bot's history and for clients that know fewer kinds."""
    match payload:
        case Text(text=text) | Markdown(markdown=text):
            return text
        case Image(image_url=url):
            return f"[image] {url}"
        case Audio(audio_url=url):
            return f"[audio] {url}"
        case Video(video_url=url):
            return f"[video] {url}"
        case File(file_url=url, title=title):
            return " ".join(filter(None, ("[file]", title or "", url)))
        case Location():
            words = (payload.title or "", payload.address or "", f"{payload.latitude}, {payload.longitude}")
            return " ".join(("[location]", *filter(None, words)))
        case Card() | Item():
            return "\n".join(filter(None, (payload.title, payload.subtitle or "", *_labels(payload.actions))))
        case Carousel(items=cards):
            return "\n\n".join(map(as_text, cards)) or "[carousel]"
        case Choice(text=text, options=options) | Dropdown(text=text, options=options):
            return "\n".join((text, *_labels(options)))
        case Bloc(items=items):
            return "\n".join(map(as_text, items)) or "[bloc]"


def _labels(choices: list[Action] | list[Option]) -> list[str]:
    return [f"- {choice.label}" for choice in choices]
