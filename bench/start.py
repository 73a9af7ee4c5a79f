"""How long `appliance serve` takes until it is ready, and what it holds in memory when idle.

    python -m bench.start [--times 5] [--imports 15]

Ready means: `GET /readyz` is answered with 200. Memory is the resident set of the server and all processes
that it started, two seconds later. In the same run, for comparison: the interpreter alone, and the smallest
server of the same kind (Quart-Trio on Hypercorn, one route).

The first server on a new data folder also takes in the documents of the example bots, by processes that end
a minute after their last work: one run waits for that, which tells what is held meanwhile and afterwards, and
`again` are starts on the folder that it left. It leaves byte code of all modules, too: installations have it.

`--imports N` lists what the server's imports cost instead: the N dearest modules with all that they import
first.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from bench import rig

READY_S_MAX = 1.0
IDLE_MIB_MAX = 80.0
SETTLED_S_MAX = 180.0
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


class Settled(NamedTuple):
    """What the first server of a folder held at most, when its last worker ended, and what it holds then."""

    most_mib: float
    after_s: float
    idle_mib: float


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[tuple[int, float]]:
    """A server that is ready: its id, and the seconds that it took."""
    environment = rig.environment({"APPLIANCE_LOG_LEVEL": "warning"})
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installation has its byte code
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, *command], cwd=rig.ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        while not is_ready(port):
            if child.poll() is not None:
                raise SystemExit(f"python {' '.join(command)} ended with status {child.returncode}")
            time.sleep(0.005)
        yield child.pid, time.perf_counter() - began
    finally:
        child.terminate()
        child.wait(15)


def start(command: Sequence[str], port: int) -> Start:
    """Start a server, wait until it is ready and then idle, end it."""
    with running(command, port) as (pid, ready_s):
        cpu_s = rig.cpu_s(pid)
        time.sleep(2)
        return Start(ready_s, cpu_s, held_mib(pid))


def settle(data: str) -> Settled:
    """The first server of a folder, until it is alone again."""
    port = rig.free_port()
    with running(serve(data, port), port) as (pid, _):
        began, most_mib = time.perf_counter(), held_mib(pid)
        time.sleep(2)
        while (count := len(list(family(pid)))) > 1 and time.perf_counter() - began < SETTLED_S_MAX:
            most_mib = max(most_mib, held_mib(pid))
            time.sleep(0.5)
        if count > 1:
            raise SystemExit(f"its workers have not ended after {SETTLED_S_MAX:g} s")
        return Settled(most_mib, time.perf_counter() - began, held_mib(pid))


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
        with suppress(FileNotFoundError):  # a thread that has ended meanwhile
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def held_mib(pid: int) -> float:
    return sum(map(resident_mib, family(pid)))


def resident_mib(pid: int) -> float:
    """0 for a process that has just ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int((status.partition("VmRSS:")[2].split() or ["0"])[0]) / 1024


def serve(data: str, port: int) -> list[str]:
    return ["-m", "appliance", "serve", "--data", data, "--port", str(port)]


def first() -> Start:
    """The first start of a new data folder: it also makes the database."""
    port = rig.free_port()
    with tempfile.TemporaryDirectory() as data:
        return start(serve(data, port), port)


def again(data: str) -> Start:
    """A start on a folder that has everything."""
    port = rig.free_port()
    return start(serve(data, port), port)


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


KINDS = {"interpreter": interpreter, "smallest": smallest, "appliance, first": first}
OURS = ("appliance, first", "appliance, again")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--imports", type=int, default=0, metavar="N")
    options = parser.parse_args()
    if options.imports:
        show_imports(options.imports)
        return 0
    print(rig.load())
    found: dict[str, list[Start]] = {}
    with tempfile.TemporaryDirectory() as data:
        settled = settle(data)
        for _ in range(options.times):  # in turn, since a busy machine slows all of them
            for name, kind in {**KINDS, "appliance, again": partial(again, data)}.items():
                found.setdefault(name, []).append(kind())
    show(found, settled)
    ready_s = [sorted(one.ready_s for one in found[name]) for name in OURS]
    late = any(column[len(column) // 2] >= READY_S_MAX for column in ready_s)
    idle_mib = max(settled.idle_mib, *(one.idle_mib for one in found["appliance, again"]))
    return int(late or idle_mib >= IDLE_MIB_MAX)


def show(found: dict[str, list[Start]], settled: Settled) -> None:
    print(f"{'':24}{'ready s':>9}{'(best)':>8}{'CPU s':>8}{'(best)':>8}{'idle MiB':>10}")
    for name, starts in found.items():
        ready, cpu, idle = (sorted(column) for column in zip(*starts, strict=True))
        middle = len(starts) // 2
        print(
            f"{name:24}{ready[middle]:9.2f}{ready[0]:8.2f}{cpu[middle]:8.2f}{cpu[0]:8.2f}"
            + (f"{idle[middle]:10.1f}" if name != "appliance, first" else f"{'working':>10}")
        )
    print(f"{'promise':24}{READY_S_MAX:9.2f}{'':24}{IDLE_MIB_MAX:10.1f}")
    bare = found["smallest"]
    for name in OURS:
        ratios = [min(one[n] for one in found[name]) / min(one[n] for one in bare) for n in (0, 1)]
        print(f"{name + ' / smallest':33}{ratios[0]:8.2f}{'':8}{ratios[1]:8.2f}")
    print(
        f"first start: {settled.most_mib:.0f} MiB at most with its workers, which have ended "
        f"{settled.after_s:.0f} s after it was ready; {settled.idle_mib:.1f} MiB then"
    )


if __name__ == "__main__":
    sys.exit(main())
