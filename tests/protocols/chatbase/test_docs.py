"""The page on this protocol names what there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from appliance import errors
from appliance.engine import posts
from appliance.errors import ApplianceError
from appliance.protocols.chatbase import told, words
from appliance.protocols.chatbase.face import ENDPOINTS

PAGE = (Path(__file__).parents[3] / "docs" / "chatbase.md").read_text()


def test_every_endpoint_is_in_the_docs() -> None:
    named = set(re.findall(r"^\| `([A-Z]+ /api/v2\S*)`", PAGE, re.MULTILINE))
    assert named == {f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS}


def test_every_code_is_in_the_docs_with_its_status() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", PAGE, re.MULTILINE))
    told_codes = [*words.WORDS.values(), *words.LIMITS.values(), words.FAULT, words.EXPIRED]
    assert set(rows) == {code for _, code in told_codes}
    for status, code in told_codes:
        assert rows[code] == str(status) or re.search(rf"`{code}` \|.*\b{status}\b", PAGE), code


def test_every_source_is_in_the_docs() -> None:
    assert [name for name in told.SOURCES.values() if f"`{name}`" not in PAGE] == []


def test_every_error_that_can_reach_a_client_has_a_word() -> None:
    never_here = {"change_refused", "tool_loop", "data_folder_in_use", "limit_reached"}
    of_documents = {
        "document_unreadable", "embedding_failed", "no_embedder", "quota_reached", "unsupported_document",
    }  # fmt: skip
    of_the_console = {"code_needed", "identity_invalid", "login_failed", "wrong_login"}
    ours = {
        error.code
        for module in (errors, posts, words)
        for error in vars(module).values()
        if isinstance(error, type) and issubclass(error, ApplianceError) and error is not ApplianceError
    }
    assert ours - set(words.WORDS) == never_here | of_documents | of_the_console
