"""How long `appliance serve` takes until it is ready, and what it holds in memory when idle.

    python -m bench.start [--times 5] [--imports 15]

Ready means: `GET /readyz` is answered with 200. Memory is the resident set of the server and all processes
that it started, two seconds later. In the same run, for comparison: the interpreter alone, and the smallest
server of the same kind (Quart-Trio on Hypercorn, one route). `--imports N` lists what the server's imports
cost instead: the N dearest modules with all that they import first.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from bench import rig

READY_S_MAX = 1.0
IDLE_MIB_MAX = 80.0
SMALLEST = """
import trio, hypercorn.trio
from hypercorn.config import Config
from quart_trio import QuartTrio
app = QuartTrio("smallest")
@app.get("/readyz")
async def readyz():
    return "ok"
config = Config()
config.bind = ["127.0.0.1:{port}"]
config.errorlog = None
trio.run(hypercorn.trio.serve, app, config)
"""
IMPORT_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|\s+(\S+)")


class Start(NamedTuple):
    """Seconds until ready, CPU seconds for that, MiB when idle."""

    ready_s: float
    cpu_s: float
    idle_mib: float


def start(command: Sequence[str], port: int) -> Start:
    """Start a server, wait until it is ready and then idle, end it."""
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, *command],
        cwd=rig.ROOT,
        env=rig.environment({"APPLIANCE_LOG_LEVEL": "warning"}),
        stdout=subprocess.DEVNULL,
    )
    try:
        while not is_ready(port):
            if child.poll() is not None:
                raise SystemExit(f"python {' '.join(command)} ended with status {child.returncode}")
            time.sleep(0.005)
        ready_s, cpu_s = time.perf_counter() - began, rig.cpu_s(child.pid)
        time.sleep(2)
        return Start(ready_s, cpu_s, sum(map(resident_mib, family(child.pid))))
    finally:
        child.terminate()
        child.wait(15)


def is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return answer.status == 200
    except (URLError, ConnectionError, TimeoutError):
        return False


def family(pid: int) -> Iterator[int]:
    """That process and all that it has started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def appliance() -> Start:
    """The first start of a new data folder: it also makes the database."""
    port = rig.free_port()
    with tempfile.TemporaryDirectory() as data:
        return start(["-m", "appliance", "serve", "--data", data, "--port", str(port)], port)


def smallest() -> Start:
    port = rig.free_port()
    return start(["-c", SMALLEST.format(port=port)], port)


def interpreter() -> Start:
    """Python until it could do anything, and what it holds then."""
    code = "print(open('/proc/self/status').read())"
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    taken = time.perf_counter() - began
    return Start(taken, taken, int(done.stdout.partition("VmRSS:")[2].split()[0]) / 1024)


def show_imports(count: int) -> None:
    command = [sys.executable, "-X", "importtime", "-c", "import appliance.cli.serve"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=rig.ROOT)
    lines = [match.groups() for match in map(IMPORT_LINE.match, done.stderr.splitlines()) if match]
    print(f"{'with its imports':>18}{'itself':>10}   module (ms)")
    for itself, whole, name in sorted(lines, key=lambda line: -int(line[1]))[:count]:
        print(f"{int(whole) / 1000:18.0f}{int(itself) / 1000:10.0f}   {name}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--imports", type=int, default=0, metavar="N")
    options = parser.parse_args()
    if options.imports:
        show_imports(options.imports)
        return 0
    print(rig.load())
    print(f"{'':24}{'ready s':>9}{'(best)':>8}{'CPU s':>8}{'idle MiB':>10}")
    found: dict[str, list[Start]] = {}
    for _ in range(options.times):  # in turn, since a busy machine slows all of them
        for kind in (interpreter, smallest, appliance):
            found.setdefault(kind.__name__, []).append(kind())
    for name, starts in found.items():
        ready, cpu, idle = (sorted(column) for column in zip(*starts, strict=True))
        middle = len(starts) // 2
        print(f"{name:24}{ready[middle]:9.2f}{ready[0]:8.2f}{cpu[middle]:8.2f}{idle[middle]:10.1f}")
    print(f"{'promise':24}{READY_S_MAX:9.2f}{'':16}{IDLE_MIB_MAX:10.1f}")
    ours, bare = found["appliance"], found["smallest"]
    ratios = [min(one[n] for one in ours) / min(one[n] for one in bare) for n in range(3)]
    print(f"{'appliance / smallest':24}{'':9}{ratios[0]:8.2f}{ratios[1]:8.2f}{ratios[2]:10.2f}")
    ready_s, idle_mib = sorted(one.ready_s for one in ours), max(one.idle_mib for one in ours)
    return int(ready_s[len(ours) // 2] >= READY_S_MAX or idle_mib >= IDLE_MIB_MAX)


if __name__ == "__main__":
    sys.exit(main())
