"""Finds what a document names and what it says of it, by rules (Fluxbase 6.10): the same every time.

Precision goes before recall: a graph with wrong edges is worse than one with few. Time is in proportion to
the text, whatever stands in it.
"""

from __future__ import annotations

from appliance.graphrules_kinds import Findings, FoundGraph

TEXT_CHARS_MAX = 2_000_000
"""So much of a document is looked at; what matters is named sooner."""


def extract(text: str) -> FoundGraph:
    """The entities of a text in the order in which they appear, and the relationships between them."""
    # Their patterns take 30 ms to compile, and most servers start without a document to read.
    from appliance.graphrules_names import count_again, find_names
    from appliance.graphrules_relations import find_relationships
    from appliance.graphrules_technical import find_technical

    text = text[:TEXT_CHARS_MAX]
    findings = Findings(text)
    find_technical(text, findings)
    runs = find_names(text, findings)
    find_relationships(text, findings)
    count_again(runs, findings)
    return findings.graph()
