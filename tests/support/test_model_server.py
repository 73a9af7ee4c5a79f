"""The scripted model server as a process of its own, the way load tests and browsers use it."""

import subprocess
import sys
from pathlib import Path

import httpx
import msgspec

from tests.support import model_replies as wire


def test_as_a_process_it_plays_a_script_file_and_reports_the_requests(tmp_path: Path):
    script = tmp_path / "script.json"
    script.write_bytes(msgspec.json.encode([wire.openai_text("Hi"), wire.error(503, "busy")]))
    command = [sys.executable, "-m", "tests.support.model_server", "--script", str(script)]
    with subprocess.Popen([*command, "--repeat"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("listening on ").strip()
            with httpx.Client(base_url=url, trust_env=False) as client:
                answers = [client.post("/v1/x", json={"n": n}) for n in range(3)]
                report = client.get("/_requests").json()
        finally:
            process.kill()
    assert [answer.status_code for answer in answers] == [200, 503, 200]
    assert '"content": "Hi"' in answers[0].text
    assert answers[0].text.endswith(wire.DONE)
    assert [request["body"] for request in report] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert report[0]["closed_at"] is None
