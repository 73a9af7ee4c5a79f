"""Annotations are found in the text of comments by the grammar of fluxbase.md 4.2."""

from appliance.botfiles.annotations import block_comment, line_comments, read_annotations


def found(source: str) -> list[tuple[str, str, int]]:
    return [(one.key, one.value, one.line) for one in read_annotations(block_comment(source, 1))]


def test_block_comments_with_and_without_stars() -> None:
    source = "/**\n * @fluxbase:public true\n   @fluxbase:version 2\n\t* @fluxbase:model  m */"
    assert found(source) == [("public", "true", 2), ("version", "2", 3), ("model", "m", 4)]


def test_one_line_comment_and_star_value() -> None:
    assert found("/** @fluxbase:allowed-tables * */") == [("allowed-tables", "*", 1)]
    assert found("/**\n * @fluxbase:allowed-tables *\n */") == [("allowed-tables", "*", 2)]


def test_keys_in_any_case_and_bare_keys() -> None:
    assert found("/* @fluxbase:Rate-Limit 5 */") == [("rate-limit", "5", 1)]
    assert found("/* @fluxbase:disable-logs */") == [("disable-logs", "", 1)]


def test_remarks_are_cut_but_not_a_hash_inside_a_word() -> None:
    assert found("/* @fluxbase:rate-limit 20        # 20 requests */")[0][1] == "20"
    assert found("/* @fluxbase:rate-limit 20 #twenty */")[0][1] == "20"
    assert found("/* @fluxbase:description About C# code */")[0][1] == "About C# code"
    assert found("/* @fluxbase:description In C #\n */")[0][1] == "In C #"
    assert found("/* @fluxbase:public # shown */")[0][1] == ""


def test_line_comments_lose_a_trailing_block_end() -> None:
    comment = line_comments(["// @fluxbase:public false */", "/// @fluxbase:model m"], 7)
    assert [(one.key, one.value, one.line) for one in read_annotations(comment)] == [
        ("public", "false", 7),
        ("model", "m", 8),
    ]


def test_json_goes_on_over_lines_and_keeps_its_hashes() -> None:
    source = """/**
 * @fluxbase:intent-rules [
 *   {"keywords": ["a # b"],
      "requiredTable": "t"}
 * ]
 * @fluxbase:public false
 */"""
    rules, public = found(source)
    assert rules == ("intent-rules", '[\n  {"keywords": ["a # b"],\n      "requiredTable": "t"}\n]', 2)
    assert public == ("public", "false", 6)


def test_json_may_start_on_the_next_line_or_be_followed_by_a_remark() -> None:
    assert found("/**\n * @fluxbase:intent-rules\n * []\n * @fluxbase:public no\n */") == [
        ("intent-rules", "[]", 2),
        ("public", "no", 4),
    ]
    assert found("/* @fluxbase:intent-rules [] # none */")[0][1] == "[]"


def test_broken_json_does_not_swallow_what_follows() -> None:
    source = '/**\n * @fluxbase:intent-rules [{"keywords":\n * oops\n * @fluxbase:public no\n */'
    assert [key for key, _, _ in found(source)] == ["intent-rules", "public"]


def test_mentions_inside_a_sentence_are_no_annotations() -> None:
    assert found("/** Set @fluxbase:public true to list it. */") == []


def test_summary_is_the_first_text_that_is_no_tag() -> None:
    assert block_comment("/**\n * @x y\n *\n * My bot.\n * More.\n */", 1).summary == "My bot."
    assert block_comment("/** */", 1).summary == ""


def test_the_summary_is_never_a_line_of_a_rule() -> None:
    rules = """/**
     * @fluxbase:intent-rules [
     *   {"keywords": ["a"],
     *    "requiredTable": "b"
     *   }
     * ]
     * Answers from data
     */"""
    assert block_comment(rules, 1).summary == "Answers from data"
    assert block_comment(rules.replace("Answers from data", ""), 1).summary == ""
