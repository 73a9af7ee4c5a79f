"""What a site asks of programs that read it: `robots.txt` after RFC 9309. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import quote

import msgspec

BYTES_MAX = 512 * 1024
"""What has to be read at least (RFC 9309, 2.5); the rest of a longer file does not count."""
RULES_MAX = 5000
DELAY_S_MAX = 30.0
"""Somebody who asks for more gets this much: a page in ten minutes would be no reading."""

_SAFE = "/%:@!$&'()*+,;=?~-._"


class Rule(msgspec.Struct, frozen=True):
    """Paths that begin with `pattern`, where `*` stands for anything and `$` for the end."""

    allow: bool
    pattern: str


class Robots(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one reader. `delay_s` lies between two requests; None when nothing is said."""

    rules: list[Rule] = []
    delay_s: float | None = None

    def allows(self, path: str) -> bool:
        """May the path (with its query) be read? The longest rule that fits decides, allowing at a tie."""
        asked = _normal(path)
        fitting = [(len(rule.pattern), rule.allow) for rule in self.rules if _fits(rule.pattern, asked)]
        return asked == "/robots.txt" or not fitting or max(fitting)[1]


NOTHING = Robots(rules=[Rule(False, "/")])
"""Where the site's word cannot be had, nothing may be read (RFC 9309, 2.3.1.4)."""


def parse(text: str, agent: str) -> Robots:
    """What `text` says to `agent`, in the groups that name it; else in those for everybody."""
    own = list(_lines_for(text, agent.lower()))
    lines = own or list(_lines_for(text, "*"))
    rules = [
        Rule(key == "allow", _normal(value)) for key, value in lines if key in ("allow", "disallow") and value
    ]
    delays = [delay for key, value in lines if key == "crawl-delay" and (delay := _delay(value)) is not None]
    return Robots(rules=rules[:RULES_MAX], delay_s=max(delays, default=None))


def _lines_for(text: str, agent: str) -> Iterator[tuple[str, str]]:
    """Keys and values of all groups for this agent; the agents themselves are among the lines."""
    applies, in_agents = False, False
    for key, value in _lines(text.splitlines()):
        if key == "user-agent":
            applies = (applies and in_agents) or value.lower() == agent
            in_agents = True
            if applies:
                yield key, value
        else:
            in_agents = False
            if applies:
                yield key, value


def _lines(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        key, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield key.strip().lower(), value.strip()


def _delay(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(seconds, DELAY_S_MAX) if seconds >= 0 else None


def _normal(path: str) -> str:
    """The one way to write a path: beyond ASCII percent-encoded, which is how requests have it."""
    return quote(path, safe=_SAFE)


def _fits(pattern: str, path: str) -> bool:
    """In one pass over the path: as a regular expression, a hostile pattern would take for ever."""
    at_end = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    if not others:
        return not at_end or at == len(path)
    for part in others[:-1]:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    last = others[-1]
    return path.endswith(last) and len(path) - len(last) >= at if at_end else path.find(last, at) >= 0
