"""Tables that the widget saves as CSV: no text becomes a formula, whatever parts cells in a spreadsheet."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

TABLE = Path(__file__).parents[2] / "static" / "widget" / "table.js"
PROGRAM = """
import { toCsv } from '%s'
console.log(JSON.stringify(toCsv(['a'], JSON.parse(process.argv[1]).map((a) => ({ a })))))
"""


def test_no_text_of_a_saved_table_is_run_as_a_formula() -> None:
    values = ["x;=1+1", "\uff1d1+1", "\n=1+1", "\t=1", " =1", "-5", -5, "-5+1"]
    command = ["node", "--input-type=module", "-e", PROGRAM % TABLE.as_uri(), json.dumps(values)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = json.loads(done.stdout).split("\r\n")
    told = ['"x;=1+1"', "'\uff1d1+1", '"\'\n=1+1"', '"\'\t=1"', '" =1"', "-5", "-5", "'-5+1", ""]
    assert lines == ["a", *told]
