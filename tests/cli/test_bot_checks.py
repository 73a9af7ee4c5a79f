"""`appliance bots check` looks at tools, hosts, servers, settings and statements, in its own process."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from appliance.store import settings
from appliance.store.database import connect, database_path
from appliance.store.migrate import migrate
from appliance.store.pragmas import open_connection
from appliance.store.vault import Vault
from tests.support.commands import run_command

TOOLS = '''"""Functions of the shop."""
from prices import PRICES


def price_of(product: str) -> int:
    """The price of a product."""
    return PRICES[product]


def nothing_said(product: str) -> str:
    return product
'''


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("APPLIANCE_")}
    if "PYTHONPATH" not in variables:
        return run_command("bots", "check", *arguments, env={**clean, **variables})
    command = [sys.executable, "-m", "appliance", "bots", "check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**clean, **variables})


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A data folder with a database and the folder of one bot, `bots/shop`."""
    with closing(connect(database_path(tmp_path))) as db:
        migrate(db)
        db.execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, owner TEXT, pieces INTEGER CHECK (pieces > 5));"
            "INSERT INTO orders VALUES (1, 'alice', 10), (2, 'bob', 20)"
        ).fetchall()
    (tmp_path / "bots" / "shop").mkdir(parents=True)
    return tmp_path


def checked(shop: Path, front: str, *, prompt: str = "p", data: bool = True, **variables: str) -> list[str]:
    """Findings without the folder's path; all of them are warnings, so that the command ends well."""
    (shop / "bots" / "shop" / "bot.md").write_text(f"---\ndescription: d\n{front}\n---\n{prompt}")
    place = ("--data", str(shop)) if data else ("--bots", str(shop / "bots"))
    done = run(*place, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.removeprefix(f"{shop / 'bots' / 'shop'}/") for line in done.stdout.splitlines()]


def write_tools(shop: Path, text: str = TOOLS) -> Path:
    folder = shop / "bots" / "shop"
    (folder / "prices.py").write_text("PRICES = {'tea': 3}\n")
    (folder / "tools.py").write_text(text)
    return folder / "tools.py"


def test_functions_are_looked_at_with_their_lines_and_their_entries(shop: Path) -> None:
    write_tools(shop)
    lines = checked(shop, "mcp-tools: [execute_sql, custom:price_off]")
    assert lines == [
        "bot.md:3: warning: mcp-tools: tools.py offers no function price_off; did you mean custom:price_of?",
        "tools.py:10: warning: nothing_said is not offered: it has no docstring; "
        "its first paragraph tells the model what the function is for",
    ]


def test_functions_that_no_entry_names_are_told(shop: Path) -> None:
    write_tools(shop)
    lines = checked(shop, "mcp-tools: [execute_sql]")
    assert lines[0] == (
        "bot.md:3: warning: mcp-tools: no function of tools.py is offered, since none is listed, "
        "such as custom:price_of"
    )


def test_a_function_with_the_name_of_a_tool_or_a_query_is_told(shop: Path) -> None:
    write_tools(
        shop, TOOLS.replace("nothing_said(product: str) -> str:", 'think() -> str:\n    """Think."""\n')
    )
    lines = checked(
        shop, "queries:\n  price_of: {description: d, sql: SELECT :product, parameters: {product: string}}"
    )
    assert lines == [
        "bot.md:4: warning: queries: price_of is also a function of tools.py, which is offered instead; "
        "rename one of them",
        "tools.py:10: warning: think is not offered: a built-in tool has that name",
    ]


def test_a_tools_file_that_cannot_be_imported_is_an_error_also_as_json(shop: Path) -> None:
    tools = write_tools(shop, "x = 1\nimport not_there\n")
    (shop / "bots" / "shop" / "bot.md").write_text("---\ndescription: d\nmcp-tools: custom:x\n---\np")
    done = run("--bots", str(shop / "bots"))
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)
    assert done.stdout.startswith(f"{tools}:2: error: ")
    assert "not_there" in done.stdout
    report = json.loads(run("--bots", str(shop / "bots"), "--json").stdout)
    assert (report["ok"], report["tools"]) == (False, [done.stdout.strip()])


def test_a_tools_file_outside_of_the_folder_of_bots_is_not_run(shop: Path, tmp_path: Path) -> None:
    (shop / "else.py").write_text(f"open({str(shop / 'was-run')!r}, 'w')\n")
    (shop / "bots" / "shop" / "tools.py").symlink_to(shop / "else.py")
    lines = checked(shop, "public: true")
    assert lines == [
        "bot.md:1: warning: mcp-tools: tools.py is not looked at: it leads out of the folder of bots"
    ]
    assert not (shop / "was-run").exists()


def test_hosts_that_allow_nothing_and_headers_that_are_never_sent_are_told(shop: Path) -> None:
    front = (
        "http-allowed-domains:\n  - https://a.example.com\n  - '*.com'\n  - db.internal\n"
        "  - api.example.com\n  - localhost:9000\n"
        "http-headers:\n  api.example.com: {x-key: k}\n  localhost:9000: {x-key: k}\n"
        "  b.example.com: {x-key: k}\n  api.example.com:8443: {x-key: k}"
    )
    lines = checked(shop, front, data=False)
    assert [line.split(": ")[0] for line in lines] == [f"bot.md:{n}" for n in (4, 5, 6, 12, 13)]
    assert lines[0].endswith("https://a.example.com: leave the scheme out: a.example.com")
    assert lines[2].endswith(
        "http-allowed-domains: db.internal: db.internal cannot be allowed: "
        "it is a name of an internal network"
    )
    assert lines[3].endswith(
        "http-headers: no entry of http-allowed-domains covers b.example.com, so its headers are never sent"
    )
    variable = front.replace("api.example.com\n", "'{{host}}'\n", 1)
    assert not any("http-headers" in line for line in checked(shop, variable, data=False))


def test_mcp_servers_without_the_package_are_told(shop: Path) -> None:
    front = "mcp-servers:\n  files: {command: mcp-files}"
    (shop / "hide").mkdir()
    (shop / "hide" / "sitecustomize.py").write_text("import sys\nsys.modules['mcp'] = None\n")
    (line,) = checked(shop, front, data=False, PYTHONPATH=str(shop / "hide"))
    assert line.startswith("bot.md:3: warning: mcp-servers: the MCP client is not installed")
    assert checked(shop, front, data=False) == []


def test_rules_that_name_tools_which_are_not_there_are_told(shop: Path) -> None:
    write_tools(shop)
    front = (
        "mcp-tools: [execute_sql, custom:price_of]\n"
        "mcp-servers: {crm: {command: mcp-crm}}\n"
        "intent-rules:\n"
        "  - {keywords: [a], required-tool: price_off, forbidden-tool: execute_sql}\n"
        "  - {keywords: [b], required-tool: query_table, forbidden-tool: insert_record}\n"
        "  - {keywords: [c], required-tool: crm_find, forbidden-tool: price_of}\n"
        "  - {keywords: [d], required-table: ordrs}"
    )
    lines = [line for line in checked(shop, front) if "intent-rules" in line]
    assert lines == [
        "bot.md:6: warning: intent-rules: there is no tool price_off; did you mean price_of?",
        "bot.md:7: warning: intent-rules: this bot does not offer query_table, so requiring it has no effect",
        "bot.md:9: warning: intent-rules: there is no table ordrs; did you mean orders?",
    ]


def test_settings_are_looked_up_in_the_data(shop: Path) -> None:
    vault = Vault("k" * 32)
    with closing(connect(database_path(shop))) as db:
        for key, secret, user in (("shop.name", False, ""), ("crm.token", True, "alice")):
            settings.put(
                db, vault, tenant="t", user_id=user, key=key, value="a value", secret=secret, now=0.0
            )
    front = "required-settings: [shop.name, crm.url]\nhttp-allowed-domains: ['{{shop.nam}}']"
    lines = checked(shop, front, prompt="Of {{shop.name}}.\nToken {{crm.token}}, {{user_id}}.")
    assert lines == [
        "bot.md:3: warning: required-settings: crm.url is not set: the bot refuses everybody. "
        "Set it with: appliance settings set crm.url",
        "bot.md:4: warning: http-allowed-domains: {{shop.nam}} is not set and becomes an empty text. "
        "Set it with: appliance settings set shop.nam",
        "bot.md:7: warning: prompt: {{crm.token}} is secret and becomes an empty text here; secrets work "
        "in http-headers, in env and headers of mcp-servers, and in tools.py",
    ]
    assert checked(shop, front, data=False) == []


def test_a_database_from_before_settings_has_none_and_is_not_migrated(shop: Path) -> None:
    path = database_path(shop)
    with closing(connect(path)) as db:
        db.execute("DELETE FROM _migrations WHERE number > 2; DROP TABLE _settings").fetchall()
    (line,) = checked(shop, "required-settings: [crm.url]")
    assert "crm.url is not set" in line
    with closing(open_connection(path, read_only=True)) as db:
        assert db.execute("SELECT max(number) FROM _migrations").get == 2


WRITING = """allowed-operations: [SELECT, INSERT, UPDATE, DELETE]
row-rules: {{orders: 'owner = :user_id'}}
max-changed-rows: 1
queries:
  good: {{description: d, sql: "INSERT INTO orders (pieces) VALUES (:n)", parameters: {{n: integer}}}}
  more: {{description: d, sql: "WITH x AS (SELECT 1 AS id) UPDATE orders SET pieces = 7 WHERE id IN x"}}
  bad: {{description: d, sql: "{}"}}"""


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("DELETE FROM ordrs", "Table not allowed: ordrs"),
        ("UPDATE orders SET piece = 1", "piece"),
        ("INSERT OR REPLACE INTO orders VALUES (1, 'x', 7)", "Conflict clauses"),
        ("DROP TABLE orders", "DROP"),
    ],
)
def test_saved_queries_that_write_are_tried_and_change_nothing(shop: Path, sql: str, fault: str) -> None:
    (line,) = checked(shop, WRITING.format(sql))
    assert line.startswith("bot.md:9: warning: queries: bad: ")
    assert fault in line
    with closing(connect(database_path(shop))) as db:
        assert db.execute("SELECT sum(pieces), count(*) FROM orders").fetchone() == (30, 2)


def test_a_saved_query_that_writes_for_a_bot_that_only_reads_is_told(shop: Path) -> None:
    (line,) = checked(shop, "queries:\n  gone: {description: d, sql: DELETE FROM orders}")
    assert line.startswith("bot.md:4: warning: queries: gone: ")
    assert "DELETE" in line


def test_rows_and_sample_values_are_no_faults_of_a_statement(shop: Path) -> None:
    front = WRITING.replace("row-rules: {{orders: 'owner = :user_id'}}\n", "").format("DELETE FROM orders")
    assert checked(shop, front) == []


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ("rag-table: order\nrag-column: v", ["there is no table order; did you mean orders?"]),
        ("rag-table: orders", ["rag-table needs rag-column"]),
        ("rag-column: owner", ["rag-column does nothing without rag-table"]),
        ("rag-table: orders\nrag-column: ownr", ["orders has no column ownr"]),
        ("rag-table: orders\nrag-column: owner\nallowed-tables: [x]", ["this bot may not read orders"]),
        (
            "rag-table: orders\nrag-column: owner\nrag-content-column: id\nhidden-columns: {orders: [owner]}",
            ["orders.owner is a hidden column"],
        ),
        ("rag-table: ORDERS\nrag-column: Owner\nrag-content-column: id", []),
    ],
)
def test_a_table_to_look_up_has_to_be_there_and_visible(shop: Path, settings: str, faults: list[str]) -> None:
    told = [line for line in checked(shop, settings) if "rag-" in line]
    assert len(told) == len(faults), told
    for line, fault in zip(told, faults, strict=True):
        assert ": warning: rag-" in line
        assert fault in line
