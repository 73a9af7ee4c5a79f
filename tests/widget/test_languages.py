"""The widget's languages: each says everything that English says, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

FOLDER = Path(__file__).parents[2] / "static/widget/languages"
OTHERS = sorted(path.stem for path in FOLDER.glob("*.js") if path.stem != "en")
PLURAL = re.compile(r"_(zero|one|two|few|many|other)$")
HOLE = re.compile(r"\{\w+\}")
READ = (
    "const { default: words } = await import(process.argv[1]);"
    "const rules = new Intl.PluralRules(process.argv[2]).resolvedOptions().pluralCategories;"
    "console.log(JSON.stringify({ words, rules }))"
)

pytestmark = pytest.mark.node


def spoken(lang: str) -> tuple[dict[str, str], set[str]]:
    """Its words by key, and the plural forms that the language has."""
    command = ["node", "--no-warnings", "--input-type=module", "-e", READ, "--"]
    # As data: Node would take a file with this ending for a module of the old kind.
    module = f"data:text/javascript;charset=utf-8,{quote((FOLDER / f'{lang}.js').read_text())}"
    told = subprocess.run([*command, module, lang], capture_output=True, check=True, text=True)
    found = json.loads(told.stdout)
    return found["words"], set(found["rules"])


def plain(key: str) -> str:
    """The key without its plural form."""
    return PLURAL.sub("", key)


def test_there_are_eight_languages() -> None:
    assert OTHERS == ["ar", "de", "es", "fr", "it", "nl", "pt"]


@pytest.mark.parametrize("lang", ["en", *OTHERS])
def test_no_text_is_empty_and_plural_forms_are_those_of_the_language(lang: str) -> None:
    words, rules = spoken(lang)
    assert [key for key, text in words.items() if not text.strip()] == []
    forms: dict[str, set[str]] = {}
    for key in words:
        if found := PLURAL.search(key):
            forms.setdefault(plain(key), set()).add(found[1])
    assert {key: found - rules for key, found in forms.items() if found - rules} == {}
    assert [key for key, found in forms.items() if "other" not in found] == []


@pytest.mark.parametrize("lang", OTHERS)
def test_each_language_has_the_keys_of_english_with_the_same_values_in_them(lang: str) -> None:
    english, _ = spoken("en")
    words, _ = spoken(lang)
    assert {plain(key) for key in words} == {plain(key) for key in english}
    wanted = {
        plain(key): set(HOLE.findall(text)) for key, text in english.items() if not key.endswith("_one")
    }
    for key, text in words.items():
        holes = set(HOLE.findall(text))
        # A language may have a word for one or two instead of the figure.
        allowed = wanted[plain(key)] - ({"{n}"} if re.search("_(zero|one|two)$", key) else set())
        assert allowed <= holes <= wanted[plain(key)], key


@pytest.mark.parametrize("lang", OTHERS)
def test_sentences_are_translated(lang: str) -> None:
    english, _ = spoken("en")
    words, _ = spoken(lang)
    assert [key for key, text in english.items() if text.count(" ") > 2 and words.get(key) == text] == []
