"""Large bodies: for uploads only, a few at a time, and not for strangers."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
import trio
from quart import request
from quart_trio import QuartTrio

from appliance.protocols import registry
from appliance.server.limits import FORM_BYTES, ServerLimits
from appliance.server.uploads import upload_paths
from appliance.settings import Settings
from tests.support.knowledge import ADMIN, Desk, good
from tests.support.loopback import serving
from tests.support.stack import stack

LIMITS = ServerLimits(
    grace_s=0,
    body_bytes_max=100_000,
    uploads=("POST /up/<id>/file",),
    upload_bytes_max=400_000,
    uploads_max=1,
)
MIB = 1_048_576


class Held:
    """An application that reads a body and then waits for a word."""

    def __init__(self) -> None:
        self.read = trio.Event()
        self.go = trio.Event()
        self.app = QuartTrio(__name__)

        @self.app.post("/up/<id>/file")
        @self.app.post("/other")
        async def up(id: str = "") -> str:
            size = len(await request.get_data())
            self.read.set()
            await self.go.wait()
            return str(size)


@pytest.mark.parametrize(
    ("method", "path", "is_upload"),
    [
        ("POST", b"/up/1/file", True),
        ("POST", b"/up/1/file/", True),
        ("POST", b"/up/a%2Fb/file?x=/y", True),
        ("GET", b"/up/1/file", False),
        ("POST", b"/up/1/2/file", False),
        ("POST", b"/up//file", False),
        ("POST", b"/up/1/file/more", False),
        ("POST", b"/other?/up/1/file", False),
        ("POST", b"", False),
    ],
)
def test_only_paths_of_uploads_may_be_large(method: str, path: bytes, is_upload: bool) -> None:
    assert LIMITS.bytes_max(method, path) == (400_000 if is_upload else 100_000)


def test_the_uploads_of_knowledge_bases_are_such_and_nothing_else_is() -> None:
    paths = upload_paths(registry.faces())
    limits = ServerLimits.of(Settings(document_bytes_max=50 * MIB), uploads=paths)
    assert limits.upload_bytes_max == 50 * MIB + FORM_BYTES
    ends = (
        "/knowledge-bases/<id>/documents/upload",
        "/api/v1/widget/conversations/<id>/files",
    )
    assert all(path.endswith(ends) or path.startswith("POST /admin/api/") for path in paths)
    for prefix in (b"/api/v1/ai", b"/api/v1/admin/ai"):
        upload = prefix + b"/knowledge-bases/some-id/documents/upload"
        assert limits.bytes_max("POST", upload) == limits.upload_bytes_max
        assert limits.bytes_max("POST", upload.removesuffix(b"/upload")) == limits.body_bytes_max


async def test_a_large_body_waits_for_nobody_and_gives_its_place_back() -> None:
    held = Held()
    async with serving(held.app, LIMITS) as url, httpx.AsyncClient(base_url=url) as client:
        statuses: list[int] = []

        async def send(path: str, size: int) -> httpx.Response:
            return await client.post(path, content=b"x" * size)

        async with trio.open_nursery() as nursery:

            async def first() -> None:
                statuses.append((await send("/up/1/file", 300_000)).status_code)

            nursery.start_soon(first)
            await held.read.wait()
            second = await send("/up/2/file", 300_000)
            assert (second.status_code, second.headers["retry-after"]) == (503, "2")
            assert "large files" in second.json()["error"]
            held.go.set()
            assert (await send("/up/3/file", 90_000)).status_code == 200  # small ones need no place
        assert statuses == [200]
        assert (await send("/up/4/file", 300_000)).status_code == 200
        assert (await send("/up/5/file", 400_001)).status_code == 413
        assert (await send("/other", 100_001)).status_code == 413


async def test_a_place_is_free_again_when_a_client_leaves_in_the_middle() -> None:
    held = Held()
    held.go.set()
    head = b"POST /up/1/file HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n"
    async with serving(held.app, LIMITS) as url, httpx.AsyncClient(base_url=url) as client:
        for _ in range(3):
            stream = await trio.open_tcp_stream("127.0.0.1", int(url.rpartition(":")[2]))
            await stream.send_all(head + b"x" * 200_000)
            await stream.aclose()
        with trio.fail_after(20):
            while (await client.post("/up/2/file", content=b"x" * 300_000)).status_code != 200:  # noqa: ASYNC110
                await trio.sleep(0.01)


async def test_strangers_are_refused_before_their_file_is_read(tmp_path: Path) -> None:
    async with stack(tmp_path / "data", [], embedding_provider="none") as served:
        port = int(served.url.rpartition(":")[2])
        for head in (b"", b"Authorization: Bearer nobody\r\n"):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            await stream.send_all(
                b"POST /api/v1/ai/knowledge-bases/x/documents/upload HTTP/1.1\r\nHost: a\r\n"
                + head
                + b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 50000000\r\n\r\n--b\r\n"
            )
            with trio.fail_after(20):
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 401")
            await stream.aclose()


async def test_files_over_the_limit_and_broken_forms_get_a_reason(tmp_path: Path) -> None:
    async with (
        stack(tmp_path / "data", [], embedding_provider="none", document_bytes_max=3 * MIB) as served,
        httpx.AsyncClient(base_url=served.url, timeout=30) as client,
    ):
        desk = Desk(client, served.token("root", role="admin"), ADMIN)
        base = await desk.base()
        where = f"/{base}/documents/upload"
        large = await desk.upload(base, "large.txt", b"a " * (MIB * 3 // 2) + b"b")
        assert (large.status_code, large.json()["code"]) == (413, "INVALID_INPUT")
        assert f"{3 * MIB} bytes" in large.json()["error"]
        for content, type, word in (
            (b"{}", "application/json", "multipart/form-data"),
            (b"--b\r\n", "multipart/form-data; boundary=b", "closing boundary"),
            (b"--b--\r\n", "multipart/form-data; boundary=b", '"file"'),
        ):
            headers = {**desk.headers, "Content-Type": type}
            answer = await client.post(f"{ADMIN}{where}", content=content, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")
            assert word in answer.json()["error"]
        assert good(await desk.ask("GET", f"/{base}/documents"))["count"] == 0
        too_long = json.dumps({"content": "x" * 2_200_000}).encode()
        assert (await desk.ask("POST", f"/{base}/documents", content=too_long)).status_code == 413


async def test_a_file_larger_than_any_other_body_comes_in_whole(tmp_path: Path) -> None:
    async with (
        stack(tmp_path / "data", [], embedding_provider="none") as served,
        httpx.AsyncClient(base_url=served.url, timeout=60) as client,
    ):
        desk = Desk(client, served.token("root", role="admin"), ADMIN)
        base = await desk.base()
        text = "".join(f"Kettle number {number} boils water.\n" for number in range(280_000)).encode()
        assert len(text) > Settings().body_bytes_max * 4
        taken = good(await desk.upload(base, "kettles.txt", text))
        original = await desk.ask("GET", f"/{base}/documents/{taken['document_id']}/original")
        assert original.content == text
        assert original.headers["content-disposition"] == 'attachment; filename="kettles.txt"'
