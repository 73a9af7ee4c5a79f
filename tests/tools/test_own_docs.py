"""The examples of docs/tools.md do what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.tools.own import OwnTools, describe
from tests.tools.own_bots import bot, call, context, error

PAGE = Path(__file__).parents[2] / "docs" / "tools.md"
EXAMPLE, BY_HAND = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
SHOWN = "https://api.carrier.example"


class _Carrier(BaseHTTPRequestHandler):
    """Knows one parcel, and only with the right token."""

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Bearer s3cret":
            status, body = 401, b"{}"
        elif self.path != "/v1/parcels?id=P1&lang=de":
            status, body = 404, b"{}"
        else:
            status, body = 200, '{"location": "Köln", "eta": "2026-02-05", "more": 1}'.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def carrier() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Carrier) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_example_is_offered_as_told(tmp_path: Path) -> None:
    description = describe(bot(tmp_path, EXAMPLE).tools_file)
    assert description.problems == []
    status, track = description.tools
    assert (status.name, status.timeout_s) == ("order_status", 30.0)
    assert status.parameters["properties"] == {
        "number": {"type": "integer", "description": "The order number, as on the invoice."}
    }
    assert (track.name, track.timeout_s) == ("track_parcel", 10.0)
    assert track.parameters["properties"]["language"] == {
        "type": "string",
        "description": "Two letters, the language of the texts.",
        "default": "en",
    }


async def test_the_example_asks_another_system_with_a_secret(tmp_path: Path, carrier: str) -> None:
    assert SHOWN in EXAMPLE
    about = context(bot(tmp_path, EXAMPLE.replace(SHOWN, carrier)), settings={"carrier.token": "s3cret"})
    async with OwnTools() as own:
        output = await call(own, about, "track_parcel", parcel="P1", language="de")
        assert msgspec.json.decode(output.content) == {"where": "Köln", "expected": "2026-02-05"}
        unknown = await call(own, about, "track_parcel", parcel="P2")
        assert error(unknown) == "The carrier does not know the parcel P2."


def test_the_example_can_be_tried_by_hand(tmp_path: Path) -> None:
    bot(tmp_path, EXAMPLE)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{BY_HAND}"
    subprocess.run([sys.executable, "-c", program], check=True)
