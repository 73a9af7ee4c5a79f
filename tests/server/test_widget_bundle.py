"""The widget's small files are those that its sources give, and are served only then."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import httpx
import pytest

import appliance.protocols as protocols_package
from appliance.server.static_files import pack
from appliance.server.widget_bundle import WidgetBundle, mark
from tests.support.stack import stack

STATIC = Path(__file__).parents[2] / "static"


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 10
        return self.now


def copy(folder: Path) -> Path:
    """All static files, to be changed at will."""
    return Path(shutil.copytree(STATIC, folder / "static"))


@pytest.mark.node
def test_the_bundle_was_made_of_the_sources_as_they_are():
    checked = subprocess.run(
        ["node", str(STATIC / "bundle.mjs"), "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    made_of, version = (STATIC / "dist" / "sources.sha256").read_text().split()
    assert (made_of, version) == (mark(STATIC), WidgetBundle(STATIC, Clock()).version())


def test_what_is_packed_is_what_stands_beside_it_and_is_less_than_we_could_do_when_asked():
    packed = sorted((STATIC / "dist").rglob("*.gz"))
    assert len(packed) == len(list((STATIC / "dist").rglob("*.js")))
    for path in packed:
        plain = path.with_suffix("").read_bytes()
        assert gzip.decompress(path.read_bytes()) == plain, path
        assert path.stat().st_size < len(gzip.compress(plain, 9)), path
        assert pack(path.with_suffix(""), is_ours=False).zipped == path.read_bytes()


def test_the_small_files_stand_for_the_sources(tmp_path: Path):
    bundle = WidgetBundle(copy(tmp_path), Clock())
    assert bundle.name_of("widget/element.js") == "dist/element.js"
    assert bundle.name_of("widget.js") == "dist/widget.js"
    assert bundle.name_of("widget/talk.js", bundle.version()) == "dist/talk.js"
    assert bundle.name_of("widget/languages/en.js", bundle.version()) == "dist/languages/en.js"
    assert bundle.name_of("widget/languages/en.js") == "widget/languages/en.js"
    assert bundle.name_of("widget/values.js") == "widget/values.js"
    assert bundle.name_of("client.js") == "client.js"
    assert bundle.name_of("widget/../chat/chat.js") == "widget/../chat/chat.js"


def test_who_asks_while_the_sources_are_looked_at_gets_no_mixture():
    for _ in range(20):
        bundle, together = WidgetBundle(STATIC, lambda: 10.0), Barrier(8)

        def ask(bundle: WidgetBundle = bundle, together: Barrier = together) -> str:
            together.wait()
            return bundle.name_of("widget/element.js")

        with ThreadPoolExecutor(8) as pool:
            given = [pool.submit(ask) for _ in range(8)]
        assert {one.result() for one in given} == {"dist/element.js"}


def test_a_changed_source_is_served_itself_until_the_bundle_is_made_again(tmp_path: Path):
    static = copy(tmp_path)
    bundle = WidgetBundle(static, Clock())
    source = static / "widget" / "panel.js"
    text = source.read_text()
    source.write_text(text + "\n// changed\n")
    assert bundle.name_of("widget/element.js") == "widget/element.js"
    source.write_text(text)
    assert bundle.name_of("widget/element.js") == "dist/element.js"


def test_without_a_bundle_the_sources_are_served(tmp_path: Path):
    static = copy(tmp_path)
    shutil.rmtree(static / "dist")
    assert WidgetBundle(static, Clock()).name_of("widget/element.js") == "widget/element.js"


async def test_a_file_of_another_version_is_refused(tmp_path: Path):
    async with stack(tmp_path, []) as served, httpx.AsyncClient(base_url=served.url) as client:
        element = (await client.get("/static/widget/element.js")).text
        version = (STATIC / "dist" / "sources.sha256").read_text().split()[1]
        asked = f"/static/widget/talk.js?v={version}"
        same = await client.get(asked)
        other = await client.get("/static/widget/talk.js?v=00000000")
    assert f'import("./talk.js?v={version}")' in element
    assert (same.status_code, other.status_code) == (200, 404)
    assert same.text == (STATIC / "dist" / "talk.js").read_text()


@pytest.mark.node
def test_nothing_that_goes_over_the_wire_gets_a_short_name():
    modules = [str(STATIC / "client.js"), *map(str, (STATIC / "widget").glob("*.js"))]
    script = f"import {{ shortNames }} from {json.dumps((STATIC / 'bundle-names.mjs').as_uri())};"
    script += f"console.log(JSON.stringify(Object.keys(shortNames({json.dumps(modules)}))))"
    told = subprocess.run(
        ["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True
    )
    short = set(json.loads(told.stdout))
    assert len(short) > 50
    assert short & _fields() == set()


def _fields() -> set[str]:
    """What the widget's wires call things: fields of structs, keys, and names of arguments."""
    protocols = Path(protocols_package.__file__).parent
    files = [*(protocols / "widget").glob("*.py"), *protocols.glob("*_data.py")]
    files += [protocols / "fluxbase" / name for name in ("chat.py", "socket.py", "shapes.py")]
    found = re.findall(r'^    (\w+):|"(\w+)"|(\w+)=', "\n".join(map(Path.read_text, files)), re.MULTILINE)
    return {name for names in found for name in names if name}
