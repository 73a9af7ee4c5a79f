"""Requests to one server and back: JSON as typed values, and one error for all that can go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

import httpx
import msgspec

T = TypeVar("T")
Query: TypeAlias = "Mapping[str, str | int | bool | None]"


class ApiError(Exception):
    """The server refused, or could not be reached.

    `code` is the contract and `message` for people. `status` is the HTTP status, 0 when no answer came (then
    `code` is CONNECT_FAILED). `details` are further facts, such as `retry_after_s`.
    """

    def __init__(
        self, message: str, status: int = 0, code: str = "ERROR", details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.details = dict(details or {})


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is sent; without a type its name tells it."""

    data: bytes
    name: str
    mime_type: str = ""


class Transport:
    """One server, with what is shown to it in every request."""

    def __init__(self, url: str, headers: Mapping[str, str], timeout_s: float) -> None:
        self.url = url
        self._http = httpx.AsyncClient(timeout=timeout_s, headers=headers)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        answer: type[T],
        body: Any = None,
        query: Query | None = None,
    ) -> T:
        """One request; parameters that are None are left out. `answer` is what its JSON is read as."""
        return self._read(await self.fetch(method, path, body, query), answer)

    def _read(self, raw: bytes, answer: type[T]) -> T:
        try:
            return msgspec.json.decode(raw, type=answer)
        except msgspec.MsgspecError as error:
            text = f"{self.url} answered something that is not of the expected form: {error}"
            raise ApiError(text, code="BAD_ANSWER") from error

    async def fetch(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Query | None = None,
    ) -> bytes:
        """The same with the bytes of the answer."""
        params = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        content = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        return await self._request(method, path, params=params, content=content, headers=headers)

    async def upload(self, path: str, answer: type[T], file: File, fields: Mapping[str, Any]) -> T:
        """A form with a part named file; fields that are None are left out, what is no text goes as JSON."""
        data = {
            name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name, value in fields.items()
            if value is not None
        }
        part = (file.name, file.data, file.mime_type) if file.mime_type else (file.name, file.data)
        return self._read(await self._request("POST", path, data=data, files={"file": part}), answer)

    async def _request(self, method: str, path: str, **more: Any) -> bytes:
        try:
            answer = await self._http.request(method, self.url + path, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise ApiError(f"Cannot reach {self.url}: {reason}", code="CONNECT_FAILED") from error
        if not answer.is_success:
            raise _refusal(answer)
        return answer.content


def segment(text: str) -> str:
    """`text` as one segment of a path; those of dots alone would lead elsewhere."""
    return quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refusal(answer: httpx.Response) -> ApiError:
    try:
        body = msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.MsgspecError:
        body = {}
    message = body.get("error") or answer.reason_phrase or f"HTTP status {answer.status_code}"
    details = body.get("details")
    return ApiError(
        str(message),
        answer.status_code,
        str(body.get("code") or "ERROR"),
        details if isinstance(details, dict) else {},
    )
