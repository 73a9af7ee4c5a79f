"""Addresses, code, errors, tables and dates in a text, by their form. Pure; every expression is bounded."""
# ruff: noqa: SIM905 - lists of words read better as text

from __future__ import annotations

import re
from datetime import date

from appliance.graphrules_kinds import Findings, Key

_URL = re.compile(r"\bhttps?://[^\s<>\"'`()\[\]{}|\\^]{3,500}")
_ENDPOINT = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)[ \t](/[\w\-./{}:<>*]{1,200})")
_BACKTICKS = re.compile(r"(?<!`)`([^`\n]{2,80})`(?!`)")
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]{0,60}(?:(?:\.|::|->)[A-Za-z_]\w{0,60}){0,6}(?:\(\))?")
_CALL = re.compile(r"\b[A-Za-z_][\w.]{1,80}+\(\)")
_SNAKE = re.compile(r"(?<![\w./@-])[a-z][a-z0-9]{0,30}+(?:_[a-z0-9]{1,30}+){1,8}+(?![\w.@/-]|\()")
_CAMEL = re.compile(r"(?<![\w./@-])[A-Z][a-z0-9]{1,30}+(?:[A-Z][a-z0-9]{1,30}+){1,6}+(?![\w@/-])")
_CODE_ENDINGS = (
    "Service", "Manager", "Controller", "Handler", "Factory", "Client", "Server", "Builder", "Provider",
    "Repository", "Adapter", "Parser", "Listener", "Request", "Response", "Config", "Model", "View",
    "Component", "Exporter",
)  # fmt: skip
_FILE = re.compile(
    r"(?<![\w/.@-])[\w-]{1,60}+\.(?:py|js|mjs|ts|tsx|json|ya?ml|toml|sql|go|rs|java|rb|sh|md"
    r"|txt|csv|html|css|cfg|ini"
    r"|conf|lock|xml|pdf|docx|xlsx)\b(?![\w/@-]|\.\w)"
)
_LIBRARY = re.compile(r"[A-Z][a-z]+\.js")
_ERROR = re.compile(
    r"\bERR_[A-Z0-9_]{2,60}\b|\bORA-\d{5}\b|\b[A-Z][A-Za-z0-9]{1,60}(?:Error|Exception)\b"
    r"|\bHTTP[ /](?:[Ss]tatus[ ])?(?:[Cc]ode[ ])?([45]\d\d)\b"
)
_SQL_NAME = r"[`\"]?([a-z_][a-z0-9_]{1,60}(?:\.[a-z_][a-z0-9_]{0,60})?)[`\"]?"
_SQL = re.compile(
    rf"\b(?:FROM|JOIN|INSERT INTO|TRUNCATE|ALTER TABLE"
    rf"|DROP TABLE)[ \t\n]{{1,4}}{_SQL_NAME}(?![\w-])"
    rf"|\bUPDATE[ \t\n]{{1,4}}{_SQL_NAME}[ \t\n]{{1,4}}SET\b"
)
_SQL_WORD = re.compile("FROM|JOIN|INTO|UPDATE|TABLE|TRUNCATE")
_TABLE_WORD = re.compile("[Tt]able")
_CREATE = re.compile(
    rf"\bCREATE[ \t]{{1,4}}TABLE[ \t]{{1,4}}(?:IF NOT EXISTS[ \t]{{1,4}})?{_SQL_NAME}", re.IGNORECASE
)
_REFERENCES = re.compile(rf"\bREFERENCES[ \t\n]{{1,4}}{_SQL_NAME}|;", re.IGNORECASE)
_TABLE = re.compile(
    r"\b[Tt]able[ ][`\"]([A-Za-z_]\w{0,60}(?:\.\w{1,60})?)[`\"]"
    r"|\b[Tt]able[ ]([a-z]\w{0,30}_\w{1,30}|[a-z]\w{1,30}\.[a-z]\w{1,30})"
    r"|[`\"]([A-Za-z_]\w{0,60})[`\"][ ]table\b|(?<![\w`.])([a-z][a-z0-9]{0,30}_\w{1,30})[ ]table\b"
)
_POINTS_AT = re.compile(
    r"`?\b([a-z_]\w{0,60})\.[a-z_]\w{0,60}`?[ ](?:references|->|→"
    r"|points to)[ ]`?([a-z_]\w{0,60})\.[a-z_]\w{0,60}`?"
)
_MONTHS = (
    "January February March April May June July August September October November December "
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
).split()
_MONTH = "|".join(sorted(set(_MONTHS), key=len, reverse=True))
_DATE = re.compile(
    rf"(?<![\w.-])(?:(\d{{4}})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:Z|[+-]\d\d:?\d\d)?)?"
    rf"|(\d{{1,2}})\.?[ ]({_MONTH})[ ](\d{{4}})|({_MONTH})[ ](\d{{1,2}}),?[ ](\d{{4}})"
    rf"|(\d{{1,2}})\.(\d{{1,2}})\.(\d{{4}})"
    rf"|({_MONTH})[ ](\d{{4}})|(Q[1-4])[ ](\d{{4}}))(?![\w-])"
)
_PRODUCT = re.compile(
    r"(?<![\w'-])([A-Z][A-Za-z]{2,20}(?:[ ][A-Z][A-Za-z]{1,20}){0,2})[ ](?:version[ ]"
    r"|v\.?[ ]?)(\d{1,4}(?:\.\d{1,4}){0,3})(?!\w)"
)
_EVENT = re.compile(
    r"(?<![\w'-])((?:[A-Z][A-Za-z]{1,20}[ ]){1,4}(?:Conference|Summit|Forum|Hackathon"
    r"|Olympics|Expo|Congress|Symposium)(?:[ ]\d{4})?)\b"
)
_NO_TABLES = frozenset(
    """
    the a an this that these those here where which dual each every our your my its of all us me him her
    them it you and or to in on at is be with
    """.split()
)
_NO_EVENTS = frozenset("The This That A An Our Their Annual Next Last Every Each In At".split(" "))


def find_technical(text: str, findings: Findings) -> None:
    """Put all of it into `findings`."""
    _find_addresses(text, findings)
    _find_errors(text, findings)
    _find_code(text, findings)
    _find_tables(text, findings)
    _find_dates(text, findings)
    _find_products(text, findings)


def reference(name: str, start: int, findings: Findings) -> Key | None:
    """What stands in backticks: a table that is known, else code."""
    if findings.has("table", name):
        return findings.add("table", name, start)
    if not _IDENTIFIER.fullmatch(name):
        return None
    return findings.add("code_reference", name, start, name.removesuffix("()"))


def table(name: str, start: int, findings: Findings) -> Key | None:
    """A table of a database."""
    return None if name.lower() in _NO_TABLES else findings.add("table", name, start)


def _find_addresses(text: str, findings: Findings) -> None:
    if "://" in text:
        for match in _URL.finditer(text):
            url = match.group().rstrip(".,;:!?*_")
            findings.add("url", url, match.start(), url)
    for match in _ENDPOINT.finditer(text):
        endpoint = f"{match.group(1)} {match.group(2).rstrip('.,:')}"
        findings.add("api_endpoint", endpoint, match.start(), endpoint)


def _find_errors(text: str, findings: Findings) -> None:
    for match in _ERROR.finditer(text):
        name = f"HTTP {match.group(1)}" if match.group(1) else match.group()
        if name not in ("HumanError", "StandardError"):
            findings.add("error", name, match.start())


def _find_code(text: str, findings: Findings) -> None:
    if "()" in text:
        for match in _CALL.finditer(text):
            _add_code(match.group(), match.start(), findings)
    if "_" in text:
        for match in _SNAKE.finditer(text):
            _add_code(match.group(), match.start(), findings)
    for match in _CAMEL.finditer(text):
        humps = sum(character.isupper() for character in match.group())
        scots = match.group().startswith(("Mc", "Mac", "De", "Van", "La", "Le"))
        if match.group().endswith(_CODE_ENDINGS) or (humps >= 3 and not scots):
            _add_code(match.group(), match.start(), findings)
    for match in _FILE.finditer(text):
        if not _LIBRARY.fullmatch(match.group()):
            _add_code(match.group(), match.start(), findings)
    if "`" in text:
        for match in _BACKTICKS.finditer(text):
            if _IDENTIFIER.fullmatch(match.group(1)):
                _add_code(match.group(1), match.start(1), findings)


def _add_code(name: str, start: int, findings: Findings) -> None:
    """`f` and `f()` are one thing; an error is an error."""
    if not name.endswith(("Error", "Exception")):
        findings.add("code_reference", name, start, name.removesuffix("()"))


def _find_tables(text: str, findings: Findings) -> None:
    for pattern, sign in ((_SQL, _SQL_WORD), (_TABLE, _TABLE_WORD)):
        for match in pattern.finditer(text) if sign.search(text) else ():
            group = match.lastindex or 0
            table(match.group(group), match.start(group), findings)
    for match in _CREATE.finditer(text):
        source = table(match.group(1), match.start(1), findings)
        for inner in _REFERENCES.finditer(text, match.end(), match.end() + 5_000):
            if inner.group(1) is None:
                break
            target = table(inner.group(1), inner.start(1), findings)
            findings.relate(source, "foreign_key", target, 0.95, inner.start())
    for match in _POINTS_AT.finditer(text):
        source, target = (table(match.group(i), match.start(i), findings) for i in (1, 2))
        findings.relate(source, "foreign_key", target, 0.9, match.start())


def _find_dates(text: str, findings: Findings) -> None:
    for match in _DATE.finditer(text):
        canonical = _canonical(match)
        if canonical:
            findings.add("datetime", match.group(), match.start(), canonical)


def _canonical(match: re.Match[str]) -> str:
    """Year first, as far as it is known; empty for a day that no calendar has."""
    g = match.groups()
    if g[13]:
        return f"{g[14]}-{_month(g[13]):02}"
    if g[15]:
        return f"{g[16]}-{g[15]}"
    if g[0]:
        year, month, day = g[0], int(g[1]), g[2]
    elif g[5]:
        year, month, day = g[6], _month(g[5]), g[4]
    elif g[7]:
        year, month, day = g[9], _month(g[7]), g[8]
    else:
        year, month, day = g[12], int(g[11]), g[10]
    try:
        found = date(int(year), month, int(day)).isoformat()
    except ValueError:
        return ""
    return f"{found}T{g[3]}" if g[3] else found


def _month(name: str) -> int:
    return _MONTHS.index(name) % 12 + 1


def _find_products(text: str, findings: Findings) -> None:
    for match in _PRODUCT.finditer(text):
        if match.group(1).split()[0] not in _NO_EVENTS:
            findings.add("product", match.group(1), match.start(1))
    for match in _EVENT.finditer(text):
        words = match.group(1).split()
        while words and words[0] in _NO_EVENTS:
            words.pop(0)
        if len(words) > 1 and not words[0].isdigit():
            name = " ".join(words)
            findings.add("event", name, match.start(1) + match.group(1).index(words[0]))
