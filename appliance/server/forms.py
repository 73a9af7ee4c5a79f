"""A body of `multipart/form-data` -> its parts. Bounded: few parts, short heads and fields, files in size."""

from __future__ import annotations

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
    Preamble,
    State,
)

from appliance.errors import InvalidInput, MessageTooLarge
from appliance.wire import FormPart

PARTS_MAX = 16
HEAD_BYTES_MAX = 8_192
"""Of one part, and of what may stand before the first."""
FIELD_BYTES_MAX = 65_536
NAME_CHARS_MAX = 255
BOUNDARY_CHARS_MAX = 200
"""Twice what RFC 2046 allows."""
STEP_BYTES = 65_536
"""The decoder gets the body in steps: it keeps what it has got beside what it gives."""


def read_form(body: bytes, content_type: str, file_bytes_max: int) -> dict[str, FormPart]:
    """The parts by their names.

    Raises `InvalidInput` that says what is wrong with the form, `MessageTooLarge` for a file or field over
    its limit.
    """
    reader = _Reader(file_bytes_max)
    decoder = MultipartDecoder(_boundary(content_type), max_parts=PARTS_MAX)
    steps = [*range(0, len(body), STEP_BYTES), None]
    try:
        for start in steps:
            decoder.receive_data(None if start is None else body[start : start + STEP_BYTES])
            while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
                reader.take(event)
            if decoder.state in (State.PREAMBLE, State.PART) and len(decoder.buffer) > HEAD_BYTES_MAX:
                raise InvalidInput(f"A part of the form has a head of more than {HEAD_BYTES_MAX} bytes.")
    except RequestEntityTooLarge as error:
        raise InvalidInput(f"The form has more than {PARTS_MAX} parts.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("A head in the form is not UTF-8.") from error
    except ValueError as error:
        raise InvalidInput(
            "The body is no whole form: it must be parts between boundary lines, each with a "
            "Content-Disposition, and end with the closing boundary."
        ) from error
    return reader.parts


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind.lower() != "multipart/form-data":
        raise InvalidInput(
            f"Send a form: Content-Type must be multipart/form-data, not {content_type[:100] or 'nothing'}."
        )
    boundary = options.get("boundary", "")
    if not boundary or len(boundary) > BOUNDARY_CHARS_MAX or not boundary.isascii():
        raise InvalidInput(
            "Content-Type multipart/form-data needs a boundary; let the client library set it by itself."
        )
    return boundary.encode()


class _Reader:
    """Takes events of the decoder one by one."""

    def __init__(self, file_bytes_max: int) -> None:
        self.parts: dict[str, FormPart] = {}
        self._file_bytes_max = file_bytes_max
        self._begun: Field | File | None = None
        self._pieces: list[bytes] = []
        self._bytes = 0

    def take(self, event: Event) -> None:
        if isinstance(event, Field | File):
            self._begin(event)
        elif isinstance(event, Data):
            self._add(event)
        elif isinstance(event, Preamble) and len(event.data) > HEAD_BYTES_MAX:
            raise InvalidInput("The form has too much before its first boundary.")

    def _begin(self, event: Field | File) -> None:
        if not event.name or len(event.name) > NAME_CHARS_MAX:
            raise InvalidInput("Each part of the form needs a name.")
        if event.name in self.parts:
            raise InvalidInput(f"The form has two parts named {event.name[:50]!r}; send one.")
        if sum(len(value) for _, value in event.headers) > HEAD_BYTES_MAX:
            raise InvalidInput(f"A part of the form has a head of more than {HEAD_BYTES_MAX} bytes.")
        self._begun, self._pieces, self._bytes = event, [], 0

    def _add(self, event: Data) -> None:
        begun = self._begun
        assert begun is not None, "data follows the head of a part"
        self._bytes += len(event.data)
        is_file = isinstance(begun, File)
        limit = self._file_bytes_max if is_file else FIELD_BYTES_MAX
        if self._bytes > limit:
            what = "file" if is_file else "field"
            raise MessageTooLarge(f"The {what} {begun.name[:50]!r} is over the limit of {limit} bytes.")
        self._pieces.append(event.data)
        if not event.more_data:
            self.parts[begun.name] = FormPart(
                data=b"".join(self._pieces),
                file_name=begun.filename if isinstance(begun, File) else "",
                content_type=begun.headers.get("content-type", "")[:NAME_CHARS_MAX],
            )
            self._pieces = []
