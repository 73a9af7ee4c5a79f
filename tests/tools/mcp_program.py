"""A small MCP server that speaks JSON lines over its pipes, well and badly; run as a program by tests.

It is told by `MODE` how to behave at the start, and by the name of a tool how to behave at a call.
"""

import json
import os
import subprocess
import sys
import time

MODE = os.environ.get("MODE", "")
NOTES = os.environ.get("NOTES", "")


def note(text):
    if NOTES:
        with open(NOTES, "a") as file:
            file.write(text + "\n")


def say(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(*parts, error=False, **more):
    return {"content": [{"type": "text", "text": part} for part in parts], "isError": error, **more}


def tool(name, description="", schema=None):
    return {"name": name, "description": description, "inputSchema": schema or {"type": "object"}}


ECHO = tool(
    "echo",
    "Say it again.",
    {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
)
LIST = [ECHO] + [
    tool(name)
    for name in (
        "fail", "huge", "slow", "die", "env", "parts", "same", "flood", "rpc_error", "grow", "child", "wrong",
        "ask_us", "noise",
    )
]  # fmt: skip


def listing(cursor):
    if MODE == "thousand":
        start = int(cursor or 0)
        page = {"tools": [tool(f"t{n}") for n in range(start, start + 100)]}
        return page | ({"nextCursor": str(start + 100)} if start < 900 else {})
    if MODE == "endless":
        return {"tools": [], "nextCursor": "again"}
    if MODE == "odd":
        return {
            "tools": [
                tool("a.b", "x" * 5000),
                tool("a_b", "\x1b[31mred\u202e"),
                tool("l" * 200),
                tool("big", schema={"type": "object", "properties": {"p" * 30_000: {}}}),
                tool("listlike", schema={"type": "object", "properties": {}, "required": "all"}),
                tool("überschrift"),
                tool(os.environ.get("TOKEN", "leak")),
            ]
        }
    return {"tools": LIST}


def call(request, name, arguments):
    if name == "echo":
        return text(arguments["text"])
    if name == "fail":
        return text("no such thing", error=True)
    if name == "huge":
        return text("語" * 50_000)
    if name == "slow":
        note(f"slow {request}")
        return None
    if name == "die":
        note("die")
        os._exit(7)
    if name == "env":
        return text(json.dumps({"env": dict(os.environ), "cwd": os.getcwd(), "pid": os.getpid()}))
    if name == "parts":
        return {
            "content": [
                {"type": "text", "text": "seen"},
                {"type": "image", "data": "A" * 16_000, "mimeType": "image/png"},
                {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"},
                {"type": "resource", "resource": {"uri": "memo://1", "text": "a memo"}},
                {"type": "resource", "resource": {"uri": "memo://2", "blob": "AAAA"}},
                {"type": "resource_link", "uri": "memo://3", "name": "third"},
            ],
            "structuredContent": {"count": 3},
        }
    if name == "same":
        return text('{"count": 3}', structuredContent={"count": 3})
    if name == "flood":
        while True:
            sys.stdout.write("x" * 100_000)
    if name == "child":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        return text(str(child.pid))
    if name == "grow":
        LIST.append(tool("grown"))
        say({"method": "notifications/tools/list_changed"})
        return text("grown")
    if name == "wrong":
        return {"content": "no list"}
    if name == "ask_us":
        say({"id": "q1", "method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 5}})
        answer = json.loads(sys.stdin.readline())
        return text(json.dumps(answer.get("error")))
    if name == "noise":
        print("this is no message", os.environ.get("TOKEN", ""), flush=True)
        print('{"jsonrpc": "2.0", "id": 999, "result": {}}', flush=True)
        print(f"to stderr {os.environ.get('TOKEN', '')}", file=sys.stderr, flush=True)
        return text("still here " + os.environ.get("TOKEN", ""))
    raise KeyError(name)


def answer(message):
    method, request = message["method"], message.get("id")
    params = message.get("params") or {}
    if method == "notifications/cancelled":
        note(f"cancelled {params['requestId']}")
    if request is None:
        return
    try:
        if method == "initialize":
            note("initialize " + json.dumps(params["capabilities"]))
            info = {"name": "program", "version": "1"}
            result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}
        elif method == "tools/list":
            note("list")
            result = listing(params.get("cursor"))
        else:
            result = call(request, params["name"], params.get("arguments") or {})
        if result is not None:
            say({"id": request, "result": result})
    except KeyError as error:
        say(
            {
                "id": request,
                "error": {"code": -32602, "message": f"unknown {error} {os.environ.get('TOKEN')}"},
            }
        )


note(f"start {os.getpid()}")
if MODE == "garbage":
    print("Welcome!\n\x00\xff{]", flush=True)
if MODE == "exits":
    print("cannot open", os.environ.get("TOKEN", ""), file=sys.stderr, flush=True)
    sys.exit(3)
if MODE == "silent":
    time.sleep(1000)
for line in sys.stdin:
    answer(json.loads(line))
note("end")
