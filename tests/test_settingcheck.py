"""What a bot file's author is told about settings before anybody chats."""

from appliance.bot import Bot, McpServer
from appliance.botsettings import SettingName
from appliance.settingcheck import setting_findings

NAMES = [
    SettingName(key="token", secret=True),
    SettingName(key="city"),
    SettingName(key="city", user_id="alice", secret=True),
    SettingName(key="own", user_id="alice"),
]


def told(bot: Bot) -> list[str]:
    findings = setting_findings(bot, NAMES)
    assert {(finding.severity, finding.line) for finding in findings} <= {("warning", 1)}
    return [finding.message for finding in findings]


def test_a_bot_that_has_all_it_needs_hears_nothing() -> None:
    bot = Bot(
        name="b",
        prompt="For {{user_id}} of {{namespace}}, {{own}} {{system:city}} {{user:own}} {not} {{1}}",
        required_settings=["token", "city", "user:own"],
        http_allowed_domains=["api.example.com"],
        http_headers={"api.example.com": {"Authorization": "Bearer {{token}}"}},
        mcp_servers=[McpServer(name="m", command=["m"], env={"TOKEN": "{{system:token}}"})],
    )
    assert told(bot) == []


def test_required_settings_that_nobody_has_are_named() -> None:
    bot = Bot(name="b", required_settings=["plan", "user:token", "user:own", "other:x"])
    assert told(bot) == [
        "required-settings: plan is not set: the bot refuses everybody. "
        "Set it with: appliance settings set plan",
        "required-settings: user:token is not set: the bot refuses everybody. "
        "Set it with: appliance settings set token --user ID",
        "required-settings: other:x is no setting; write key, user:key or system:key",
    ]


def test_unknown_variables_are_named_once_in_every_place() -> None:
    bot = Bot(
        name="b",
        prompt="{{plan}} {{plan}} {{system:own}} {{user:user_id}}",
        http_allowed_domains=["{{host}}"],
        http_headers={"a.example.com": {"X": "{{x}}"}},
        mcp_servers=[McpServer(name="m", url="https://m.example.com", headers={"Y": "{{y}}"})],
    )
    lines = told(bot)
    assert [line.split(" is not set")[0] for line in lines] == [
        "prompt: {{plan}}",
        "prompt: {{system:own}}",
        "prompt: {{user:user_id}}",
        "http-allowed-domains: {{host}}",
        "http-headers: {{x}}",
        "mcp-servers: {{y}}",
    ]


def test_a_secret_in_a_prompt_or_a_domain_is_pointed_out() -> None:
    bot = Bot(name="b", prompt="{{token}} {{city}} {{system:city}}", http_allowed_domains=["{{token}}"])
    assert [line.split(" is secret")[0] for line in told(bot)] == [
        "prompt: {{token}}",
        "prompt: {{city}}",  # alice's is secret
        "http-allowed-domains: {{token}}",
    ]
