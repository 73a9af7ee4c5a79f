"""Files for browsers as the server sends them: small, and meaning the same as what people edit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest

from appliance.server.scripts import minify
from tests.support.stack import stack

STATIC = Path(__file__).parents[2] / "static"
SAME = Path(__file__).parents[1] / "node" / "same_script.mjs"


@pytest.mark.node
def test_every_script_means_the_same_when_it_is_made_small(tmp_path: Path):
    files = [path for path in sorted(STATIC.rglob("*.js")) if "dist" not in path.parts]
    pairs: list[str] = []
    for number, path in enumerate(files):
        small = tmp_path / f"{number}.js"
        small.write_text(minify(path.read_text()))
        pairs += [str(path), str(small)]
    found = subprocess.run(["node", str(SAME), *pairs], capture_output=True, text=True, check=True)
    assert len(files) > 10
    assert found.stdout == ""


@pytest.mark.node
@pytest.mark.parametrize(
    ("text", "small"),
    [
        ("const a = `x ${b ? `c  // d` : ''}  e` // f\n", "const a=`x ${b ? `c  // d` : ''}  e`"),
        ("let r = /[`\"/]+  /g\nr.test('a  b')", "let r=/[`\"/]+  /g\nr.test('a  b')"),
        ("a + +b - -c", "a+ +b- -c"),
        ("return\n  a", "return\na"),
        ("let a = 1\n;[1].map(f)", "let a=1;[1].map(f)"),
        ("let a = b\n(c)", "let a=b\n(c)"),
        ("typeof a in b\n++c", "typeof a in b\n++c"),
        ("class A { #b = 1; static #c }", "class A{#b=1;static #c}"),
        ("broken ( {", "broken ( {"),
    ],
)
def test_nothing_that_means_something_is_taken_out(tmp_path: Path, text: str, small: str):
    assert minify(text) == small
    (tmp_path / "a.js").write_text(text)
    (tmp_path / "b.js").write_text(small)
    command = ["node", str(SAME), str(tmp_path / "a.js"), str(tmp_path / "b.js")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""


async def test_files_are_packed_for_who_can_unpack_them(tmp_path: Path):
    async with stack(tmp_path, []) as served, httpx.AsyncClient(base_url=served.url) as client:
        small = await client.get("/static/client.js", headers={"Accept-Encoding": "gzip"})
        plain = await client.get("/static/client.js", headers={"Accept-Encoding": "identity"})
        refused = await client.get("/static/client.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert small.headers["Content-Encoding"] == "gzip"
    assert int(small.headers["Content-Length"]) < 5000
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in refused.headers
    assert small.text == plain.text == minify((STATIC / "client.js").read_text())
    assert small.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert small.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_file_that_has_not_changed_is_not_sent_again(tmp_path: Path):
    async with stack(tmp_path, []) as served, httpx.AsyncClient(base_url=served.url) as client:
        first = await client.get("/static/chat/chat.css")
        second = await client.get("/static/chat/chat.css", headers={"If-None-Match": first.headers["ETag"]})
    assert first.headers["Cache-Control"] == "no-cache"
    assert (second.status_code, second.content) == (304, b"")


@pytest.mark.parametrize("name", ["none.js", "../pyproject.toml", "%2e%2e/pyproject.toml", "chat", "a%00b"])
async def test_what_is_no_file_of_the_folder_is_not_found(tmp_path: Path, name: str):
    async with stack(tmp_path, []) as served, httpx.AsyncClient(base_url=served.url) as client:
        answer = await client.get(f"/static/{name}")
    assert answer.status_code == 404
    assert "code" in answer.json()
