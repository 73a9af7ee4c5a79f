"""The program in a worker process: `python -m appliance.tools.own_worker FILE MEMORY_MIB LOAD_TIMEOUT_S`.

Imports a bot's `tools.py`, tells what it offers, and runs one call at a time until its input ends. The code
is the operator's and trusted, but it may hang, exit or eat memory: the process may be killed at any moment.
"""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import msgspec

from appliance.botkit import AsyncContext, ChangeProposed, Context, Rows, ToolError
from appliance.tools.own_channel import Channel, private_channel
from appliance.tools.own_functions import PROBLEM_CHARS_MAX, Function, collect
from appliance.tools.own_wire import (
    EXIT_MEMORY,
    Call,
    Done,
    Loaded,
    Problem,
)

RESULT_CHARS_MAX = 20_000
"""Some 5,000 tokens, as for the rows of a query."""
ERROR_CHARS_MAX = 2_000
LOG_CHARS_MAX = 10_000
ALARM_GRACE_S = 1.0
"""The server kills us at the deadline; this much later we go ourselves, should the server have gone."""
PROBLEMS_MAX = 100

MODULE = "tools"
"""The name under which neighbouring modules may import the file."""


class _TooLong(BaseException):
    """The import takes too long; no `except Exception` of the file may swallow it."""


def load(path: Path, timeout_s: float) -> tuple[dict[str, Function], Loaded]:
    """Import the file and read its functions; never raises, whatever the file does."""
    sys.path.insert(0, str(path.parent))
    try:
        signal.signal(signal.SIGALRM, _too_long)
        signal.setitimer(signal.ITIMER_REAL, timeout_s)
        functions, problems = collect(_import(path))
    except BaseException as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        problem = Problem(line=_line(error, path), message=_reason(error, timeout_s)[:PROBLEM_CHARS_MAX])
        return {}, Loaded(problems=[problem], failed=True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    offered = [function.offered for function in functions.values()]
    return functions, Loaded(offered=offered, problems=problems[:PROBLEMS_MAX])


class _FreshLoader(importlib.machinery.SourceFileLoader):
    """Compiles the text that is there now: a cached one may be older than it looks."""

    def get_code(self, fullname: str) -> Any:
        return self.source_to_code(self.get_data(self.path), self.path)


def _import(path: Path) -> ModuleType:
    loader = _FreshLoader(MODULE, str(path))
    spec = importlib.util.spec_from_file_location(MODULE, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    loader.exec_module(module)
    return module


def _too_long(number: int, at: FrameType | None) -> None:
    raise _TooLong


def _reason(error: BaseException, timeout_s: float) -> str:
    """What went wrong with the import, without a line break."""
    match error:
        case _TooLong():
            text = f"importing it took longer than {timeout_s:g} s"
        case SystemExit():
            text = "it ends the program while it is imported (SystemExit)"
        case SyntaxError():
            text = f"{type(error).__name__}: {error.msg}"
        case MemoryError():
            text = "importing it needs more memory than there is for it"
        case _:
            text = _told(error)
    return " ".join(text.split())


def _line(error: BaseException, path: Path) -> int:
    """The last line of the file that was running, or the one that cannot be read; 0 when neither is known."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 0
    frames = traceback.extract_tb(error.__traceback__)
    return next((entry.lineno or 0 for entry in reversed(frames) if entry.filename == str(path)), 0)


def run(function: Function | None, call: Call, channel: Channel) -> Done:
    """Run one call; raises `MemoryError` only."""
    if function is None:
        return Done(ok=False, content=f"{call.name} is not offered any more; its file has changed.")
    try:
        arguments = function.bind(call.arguments)
    except (ValueError, TypeError, RecursionError) as error:
        return Done(ok=False, content=f"Wrong arguments for {call.name}: {error}"[:ERROR_CHARS_MAX])
    try:
        return _done(_value(function, call, arguments, channel))
    except BaseException as error:
        return _failed(_leaf(error), call.name)


def _value(function: Function, call: Call, arguments: dict[str, Any], channel: Channel) -> Any:
    about: dict[str, Any] = {
        "caller": call.caller,
        "bot": call.bot,
        "namespace": call.namespace,
        "settings": call.settings,
    }
    ask = channel.asker()
    if not function.is_async:
        context = [Context(run=ask, **about)] if function.takes_context else []
        return function.function(*context, **arguments)
    import trio  # here, since it needs a quarter of a second and only async functions need it

    async def run(sql: str, parameters: dict[str, Any]) -> Rows:
        return await trio.to_thread.run_sync(ask, sql, parameters)

    async_context = [AsyncContext(run=run, **about)] if function.takes_context else []
    return trio.run(functools.partial(function.function, *async_context, **arguments))


def _done(value: Any) -> Done:
    """Text as it is, anything else as JSON; cut where it is too long for a model."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    chars = len(text) if len(text) > RESULT_CHARS_MAX else 0
    return Done(content=_unicode(text[:RESULT_CHARS_MAX]), chars=chars)


def _failed(error: BaseException, name: str) -> Done:
    """What the model reads of it, and the traceback for the log where the author did not mean it."""
    if isinstance(error, MemoryError):
        raise error
    if isinstance(error, ChangeProposed):
        return Done(content=msgspec.json.encode({"proposed": _text(error)}).decode())
    if isinstance(error, ToolError):
        return Done(ok=False, content=_text(error) or f"{name} cannot do that.")
    if isinstance(error, SystemExit):
        return Done(ok=False, content=f"{name} ended itself (SystemExit)", log="it raised SystemExit")
    lines = "".join(traceback.format_exception(error))
    return Done(ok=False, content=_told(error), log=_unicode(lines[-LOG_CHARS_MAX:]))


def _leaf(error: BaseException) -> BaseException:
    """The first error within groups, as nurseries make them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _told(error: BaseException) -> str:
    text = _text(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _text(error: BaseException) -> str:
    try:
        return _unicode(str(error)[:ERROR_CHARS_MAX])
    except Exception:
        return ""  # its __str__ fails


def _unicode(text: str) -> str:
    return text.encode(errors="replace").decode()


def serve(path: Path, load_timeout_s: float, channel: Channel) -> None:
    """Answer until the server ends the input."""
    functions, loaded = load(path, load_timeout_s)
    channel.send(loaded)
    while not loaded.failed and (call := channel.call()):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, call.timeout_s + ALARM_GRACE_S)
        done = run(functions.get(call.name), call, channel)
        signal.setitimer(signal.ITIMER_REAL, 0)
        channel.send(done)


def _limit(what: int, soft: int) -> None:
    """Lower a limit as far as the system lets us; macOS knows no RLIMIT_AS worth the name."""
    _, hard = resource.getrlimit(what)
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def main() -> None:
    """Run as a program."""
    path, memory_mib, load_timeout_s = sys.argv[1:4]
    channel = private_channel()
    _limit(resource.RLIMIT_CORE, 0)  # a core dump would hold the team's data
    _limit(resource.RLIMIT_AS, int(memory_mib) * 1024 * 1024)
    try:
        serve(Path(path), float(load_timeout_s), channel)
    except MemoryError:
        os._exit(EXIT_MEMORY)
    except BrokenPipeError:
        os._exit(0)  # the server has gone
    os._exit(0)  # threads that the author's code left behind do not keep us


if __name__ == "__main__":
    main()
