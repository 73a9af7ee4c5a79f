"""Words and names: singular and plural, abbreviations, slips of the pen, and what a column holds."""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.schema import Column

IRREGULAR = {"people": "person", "children": "child", "men": "man", "women": "woman", "indices": "index"}
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
TIME_WORDS = {"at", "date", "time", "timestamp", "datetime", "day"}
ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


def stem(word: str) -> str:
    """The word in lower case without the plural's ending; the same for both forms is all that matters."""
    word = word.lower().removesuffix("'s").removesuffix("\u2019s").rstrip("'\u2019")
    if word in IRREGULAR:
        return IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "uses")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def parts(name: str) -> tuple[str, ...]:
    """The stems of a name's words: order_items, orderItems, "Order Items" -> ("order", "item")."""
    return tuple(stem(part) for part in re.split(r"[\W_]+", CAMEL.sub("_", name)) if part)


def slips(word: str, other: str) -> int:
    """Letters to add, drop, change or swap to make one of the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word, start=1):
        before, above, row = row, before, [i]
        for j, wanted in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == wanted:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
    return row[-1]


def is_slip(word: str, name: str) -> bool:
    """Whether the word is the name with one slip, or two in a long one."""
    if abs(len(word) - len(name)) > 2 or min(len(word), len(name)) < 4:
        return False
    allowed = 1 if len(name) < 8 else 2
    if len(set(word) ^ set(name)) > 2 * allowed:  # cheap, and true of nearly all names
        return False
    return 0 < slips(word, name) <= allowed


def kind_of(column: Column) -> str:
    """What a column holds: number, date, epoch or text; judged by its samples, type and name.

    Epoch are Unix seconds, date is ISO text: YYYY-MM-DD, with or without a time of day.
    """
    kind, words = column.type.upper(), parts(column.name)
    if (_all_numbers(column.samples) and "TEXT" not in kind and "CHAR" not in kind) or (
        _is_number_type(kind) and not column.samples
    ):
        return "epoch" if words[-1:] in {("at",), ("timestamp",)} else "number"
    if column.samples:
        return "date" if all(ISO_DAY.fullmatch(sample) for sample in column.samples) else "text"
    timely = bool(TIME_WORDS & set(words)) or words[-1:] == ("on",)
    return "date" if timely or "DATE" in kind or "TIME" in kind else "text"


def _is_number_type(kind: str) -> bool:
    return any(part in kind for part in ("INT", "REAL", "FLOA", "DOUB", "NUM", "DEC"))


def _all_numbers(samples: Sequence[str]) -> bool:
    try:
        return bool(samples) and all(float(sample) == float(sample) for sample in samples)
    except ValueError:
        return False


def is_shortened(stems: tuple[str, ...], name: tuple[str, ...]) -> bool:
    """Whether each word is the name's word or one of them begins the other: departure delay, dep_delay."""
    return len(stems) == len(name) and all(
        word == part or _begins(word, part) for word, part in zip(stems, name, strict=True)
    )


def _begins(word: str, part: str) -> bool:
    """Whether one is the other cut short; long beginnings only stand for slightly longer words."""
    short, long = sorted((word, part), key=len)
    near = len(short) < 5 or len(long) - len(short) < 4
    return near and len(short) >= 3 and len(long) >= 4 and long.startswith(short)


def is_part(stems: tuple[str, ...], name: tuple[str, ...]) -> bool:
    """Whether the words stand next to each other in the longer name, also as "delayed" for delay."""
    if len(stems) == 1 and stems[0].endswith("ed") and len(stems[0]) > 5:
        return bool({stems[0], stems[0][:-1], stems[0][:-2]} & set(name))
    return any(name[at : at + len(stems)] == stems for at in range(len(name) - len(stems) + 1))
