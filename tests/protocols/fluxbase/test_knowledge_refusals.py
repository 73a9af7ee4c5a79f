"""Who may not add a file to a knowledge base is refused before the file is read."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import httpx
import trio

from tests.console.signed_in import admin_of, operator_of
from tests.support.knowledge import ADMIN, USER, Desk, token
from tests.support.stack import Stack, stack

FILE_BYTES = 40_000_000
CONSOLE = "/admin/api/knowledge-bases"


async def refused(served: Stack, path: str, headers: dict[str, str]) -> int:
    """The status, while of the file only the beginning was sent."""
    address = urlsplit(served.url)
    shown = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = (
        f"POST {path}/documents/upload HTTP/1.1\r\nHost: {address.netloc}\r\n{shown}"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {FILE_BYTES}\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nThe beginning'
    )
    with trio.fail_after(20):
        async with await trio.open_tcp_stream(address.hostname or "", address.port or 0) as stream:
            await stream.send_all(head.encode())
            answer = b""
            while b"\r\n" not in answer:
                got = await stream.receive_some()
                assert got, "the connection was closed without an answer"
                answer += got
    return int(answer.split()[1])


async def test_who_may_not_add_files_is_refused_before_they_are_read(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, embedding_provider="none") as served,
        httpx.AsyncClient(base_url=served.url) as client,
        admin_of(served) as admin,
        operator_of(served, admin) as olga,
    ):
        owner = Desk(client, token(served, "alice"))
        anna = Desk(client, token(served, "anna", role="admin"))
        base = await owner.base()
        stranger = Desk(client, token(served, "bob"))
        reader = Desk(client, token(served, "cid"))
        await owner.post(f"/{base}/share", {"user_id": "cid", "permission": "viewer"})
        cookie = {"Cookie": f"appliance_console={olga.client.cookies['appliance_console']}"}
        page = {**cookie, "Sec-Fetch-Site": "same-origin"}
        assert await refused(served, f"{USER}/{base}", {}) == 401
        assert await refused(served, f"{USER}/{base}", stranger.headers) == 404
        assert await refused(served, f"{USER}/{base}", reader.headers) == 403
        assert await refused(served, f"{USER}/nowhere", owner.headers) == 404
        assert await refused(served, f"{ADMIN}/{base}", {}) == 401
        assert await refused(served, f"{ADMIN}/{base}", owner.headers) == 403
        assert await refused(served, f"{ADMIN}/nowhere", anna.headers) == 404
        assert await refused(served, f"{CONSOLE}/{base}", {"Sec-Fetch-Site": "same-origin"}) == 401
        assert await refused(served, f"{CONSOLE}/{base}", page) == 403
        assert await refused(served, f"{CONSOLE}/{base}", owner.headers) == 403
        assert await refused(served, f"{CONSOLE}/nowhere", anna.headers) == 404
        taken = await owner.upload(base, "a.txt", b"Lamps are sold until May.")
        assert taken.status_code == 202, taken.text
