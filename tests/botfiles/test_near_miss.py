from pathlib import Path

from appliance.botfiles.near_miss import near_misses


def test_names_that_are_nearly_right_are_found_and_others_are_not(tmp_path: Path) -> None:
    names = [
        "a/Bot.md",
        "b/bot.markdown",
        "ns/c/index.TS",
        "d/bot.md",
        "e/index.ts",
        "f/note.md",
        "README.md",
    ]
    for name in [*names, "d/knowledge/Bot.md", ".git/Bot.md", "node_modules/x/index.js"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("p")
    found = [(str(path.relative_to(tmp_path)), meant) for path, meant in near_misses(tmp_path)]
    assert found == [("a/Bot.md", "bot.md"), ("b/bot.markdown", "bot.md"), ("ns/c/index.TS", "index.ts")]
