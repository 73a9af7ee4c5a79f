"""Template variables are replaced once, from the right place."""

import pytest

from appliance.botsettings import Setting, SettingValues
from appliance.template import render_entries, render_prompt, render_secret, variables

USER = {"city": "Oslo", "both": "user's", "crm.host": "u.example.com"}
SYSTEM = {"both": "system's", "plan": "free", "trick": "{{user_id}}"}


def render(text: str) -> str:
    return render_prompt(text, user_id="u-1", namespace="shop", user_settings=USER, system_settings=SYSTEM)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("WHERE user_id = '{{user_id}}'", "WHERE user_id = 'u-1'"),
        ("{{namespace}}", "shop"),
        ("{{ city }}{{city}}", "OsloOslo"),
        ("{{both}} {{user:both}} {{system:both}}", "user's user's system's"),
        ("[{{user:plan}}][{{system:city}}][{{unknown}}]", "[][][]"),
        ("{{plan}}", "free"),
        ("{{trick}}", "{{user_id}}"),
        ("{{user:user_id}}", ""),
        ("{{1x}} {{a-b}} {user_id} {{}} {{other:city}}", "{{1x}} {{a-b}} {user_id} {{}} {{other:city}}"),
    ],
)
def test_variables(text: str, rendered: str) -> None:
    assert render(text) == rendered


def test_a_setting_cannot_pose_as_the_user() -> None:
    settings = {"user_id": "somebody else", "namespace": "other"}
    text = render_prompt(
        "{{user_id}}/{{namespace}}",
        user_id="",
        namespace="shop",
        user_settings=settings,
        system_settings=settings,
    )
    assert text == "/shop"


def test_entries_that_become_empty_are_dropped() -> None:
    entries = ["api.example.com", "{{crm.host}}", "{{missing}}"]
    assert render_entries(entries, user_id="", namespace="", user_settings=USER, system_settings={}) == [
        "api.example.com",
        "u.example.com",
    ]


VALUES = SettingValues(
    system={
        "token": Setting(value="everybody's token", secret=True),
        "city": Setting(value="Rome"),
        "mine": Setting(value="everybody's"),
        "lost": Setting(value=None, secret=True),
    },
    user={"token": Setting(value="own token", secret=True), "mine": Setting(value=None)},
)


def test_a_secret_is_empty_where_a_model_reads_and_whole_where_none_does() -> None:
    text = "{{token}}|{{user:token}}|{{system:token}}|{{city}}|{{user_id}}|{{lost}}|{{mine}}|{{system:mine}}"
    prompt = render_prompt(
        text,
        user_id="u",
        namespace="n",
        user_settings=VALUES.plain_user,
        system_settings=VALUES.plain_system,
    )
    assert prompt == "|||Rome|u|||everybody's"
    header = render_secret(text, user_id="u", namespace="n", values=VALUES)
    assert header == "own token|own token|everybody's token|Rome|u|||everybody's"


def test_a_secret_is_no_allowed_domain() -> None:
    entries = render_entries(
        ["{{token}}", "{{city}}.example.com"],
        user_id="u",
        namespace="n",
        user_settings=VALUES.plain_user,
        system_settings=VALUES.plain_system,
    )
    assert entries == ["Rome.example.com"]


def test_variables_are_found_with_their_scope() -> None:
    assert variables("{{a}} {{ user:b.c }}{{system:d}} {{x:y}} {{1}}") == [
        ("", "a"),
        ("user", "b.c"),
        ("system", "d"),
    ]
