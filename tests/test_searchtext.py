"""Words of texts and of questions, for the index."""

import pytest

from appliance.searchtext import Term, clean, names, names_line, normal, prepare, question, without_accents


def test_compounds_and_camel_case_are_kept_apart_from_the_running_words() -> None:
    found = prepare("Call getUserName, see ERR_CONN-42.")
    assert found.words == ["call", "getusername", "see", "err", "conn", "42"]
    assert found.names == ["errconn42", "get", "user", "name"]


def test_ascii_and_other_texts_are_prepared_alike() -> None:
    text = "Read foo.bar/baz, XMLHttpRequest and HTTP2_OK: a-b-c"
    other = prepare(text + " \u00e9")
    assert prepare(text).words == other.words[:-1]
    assert prepare(text).names == other.names


def test_scripts_without_blanks_become_signs_and_pairs() -> None:
    assert prepare("日本語3版").words == ["日", "日本", "本", "本語", "語", "3", "版"]
    assert [term.words for term in question("日本語").terms] == [("日本",), ("本語",)]


def test_terms_of_a_question() -> None:
    found = question('how do I "reset the pump" with pre* ERR-7')
    assert Term(("reset", "the", "pump"), exact=True) in found.terms
    assert question("\u201ereset the pump\u201c").terms == [Term(("reset", "the", "pump"), exact=True)]
    assert Term(("pre",), prefix=True) in found.terms
    assert Term(("err7",)) in found.terms
    assert Term(("how",)) in found.weak
    assert question("").terms == question("?!").weak == []
    assert len(question(" ".join(f"w{n}" for n in range(999))).terms) <= 48


def test_what_only_asks_is_no_term() -> None:
    def terms(text: str) -> list[str]:
        return [term.words[0] for term in question(text).terms]

    assert terms("I don't know, what's the driver's number, please?") == ["driver", "number"]
    assert terms("I don\u2019t know, what\u2019s the driver\u2019s number?") == ["driver", "number"]
    assert terms("Can you help me with HTTP/2?") == ["http2", "http", "2"]


def test_a_question_has_other_forms_of_its_words_and_none_of_quoted_ones() -> None:
    (term,) = question("costs").terms
    assert term.words == ("costs",)
    assert "cost" in term.forms
    assert [term.forms for term in question('"costs" X_42').terms] == [(), (), (), ()]


def test_what_is_not_seen_parts_no_word() -> None:
    assert prepare("Ver\u00adtrag \u200fabc\u200e me\u2060llow").words == ["vertrag", "abc", "mellow"]


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "\udfff"])
def test_what_no_database_takes_is_taken_out(text: str) -> None:
    clean(text).encode()
    assert "\0" not in clean(text)
    assert all("\0" not in word for word in prepare(text).words)


def test_texts_that_differ_in_punctuation_only_are_the_same() -> None:
    assert normal("The  PUMP\u2019s r\u00e9sum\u00e9!") == normal("the pump s resume")


@pytest.mark.parametrize(
    "text", ["x getUser y", "a.b-c d", "x--foo-bar", "foo--bar", "caf\u00e9-bar", "nothing here", "-foo.bar-"]
)
def test_names_are_told_fast_as_they_are_told_slowly(text: str) -> None:
    plain = without_accents(clean(text))
    for word in ("user", "abc", "foobar", "cafebar", "xfoobar", "nothing", "here", "hing"):
        stands = f" {word} " in f"{names_line(clean(text), plain, [word])} {normal(text)} "
        assert stands == (word in (*names(text), *normal(text).split())), word


@pytest.mark.parametrize("sign", ["a", "é", "中", "_", "a-", "é.", "*", '"'])
def test_long_runs_take_no_time(sign: str) -> None:
    prepare(sign * 200_000)
    question(sign * 200_000)
