"""What is refused before a form's own reader sees the text."""

import pytest

from appliance.botfiles.reader import BYTES_MAX, read_bot


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("a/bot.txt", "x", "a bot file is named bot.md or index.ts"),
        ("bot", "x", "a bot file is named bot.md or index.ts"),
        ("a/bot.md", "", "is empty"),
        ("a/index.ts", "\ufeff \r\n\t", "is empty"),
        ("a/bot.md", "é" * BYTES_MAX, "is larger than 1048576 bytes"),
        ("a/bot.md", "a\0b", "is not text: it has characters that no text has"),
        ("a/index.ts", "a\ud800b", "is not text: it has characters that no text has"),
    ],
)
def test_refused_with_a_reason(path: str, text: str, message: str) -> None:
    file = read_bot(path, text, name="a", namespace="default")
    assert file.bot is None
    assert [one.message for one in file.errors] == [message]


def test_the_ending_decides_the_form() -> None:
    markdown = read_bot("A/BOT.MD", "export default 'x'", name="a", namespace="n")
    typescript = read_bot("a.ts", "export default 'x'", name="a", namespace="n")
    assert markdown.bot
    assert typescript.bot
    assert (markdown.bot.prompt, typescript.bot.prompt) == ("export default 'x'", "x")
    assert typescript.bot.key == ("n", "a")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("opnai", "unknown provider opnai; did you mean openai?"),
        ("Azure", "unknown provider Azure; did you mean azure?"),
        ("zzz", "unknown provider zzz; known: openai, azure, ollama, offline"),
    ],
)
def test_a_provider_that_nobody_knows_refuses_the_bot_in_both_forms(given: str, message: str) -> None:
    files = [
        read_bot("bot.md", f"---\nprovider: {given}\n---\np", name="x", namespace="n"),
        read_bot("i.ts", f"//\n// @fluxbase:provider {given}\nexport default 'p'", name="x", namespace="n"),
    ]
    for file in files:
        assert file.bot is None
        assert [(one.severity, one.line, one.message) for one in file.errors] == [("error", 2, message)]
