"""What lies over the files in the catalogue, what bots of the API may not have, what overrides do."""

from pathlib import Path

import pytest

from appliance.bot import Bot
from appliance.botoverrides import BotOverrides, checked
from appliance.engine.api_trust import distrusted
from appliance.engine.bot_entries import Overlay
from appliance.engine.catalogue import Catalogue
from appliance.engine.stored_bots import StoredBots
from appliance.errors import InvalidInput
from appliance.networks import is_within, networks
from appliance.settings import Settings, load
from appliance.store.bots import Choices, Kept, StoredBot
from tests.support.stack import write_bots

CODE = "/** d\n * @fluxbase:version 4\n * @fluxbase:max-tokens 500\n */\nexport default `Help.`"
SENT = StoredBot(namespace="default", name="shop", code=CODE, updated_at=5.0, created_at=5.0)


def served(tmp_path: Path, **bots: str) -> Catalogue:
    write_bots(tmp_path, bots)
    catalogue = Catalogue(tmp_path)
    catalogue.load()
    return catalogue


def overlay(*bots: StoredBot, choices: tuple[Choices, ...] = (), trusted: bool = False) -> Overlay:
    kept = Kept(bots={bot.key: bot for bot in bots}, choices={one.key: one for one in choices})
    return StoredBots(trusted=trusted).overlay(kept)


def test_choices_lie_over_a_file_and_stay_when_it_is_saved(tmp_path: Path) -> None:
    catalogue = served(tmp_path, shop="---\nmax-tokens: 5\n---\np")
    chosen = Choices(
        namespace="default", name="shop", overrides=BotOverrides(enabled=False, is_public=False), updates=2
    )
    changes = catalogue.lay_over(overlay(choices=(chosen,)))
    assert changes.updated == [("default", "shop")]
    write_bots(tmp_path, {"shop": "---\nmax-tokens: 66\nversion: 7\n---\np"})
    catalogue.load()
    bot = catalogue.get("default", "shop")
    assert bot is not None
    assert (bot.max_tokens, bot.enabled, bot.public, bot.version) == (66, False, False, 9)
    assert catalogue.get("default", "shop", enabled_only=True) is None


def test_a_bad_save_keeps_the_last_good_version_below_the_choices(tmp_path: Path) -> None:
    catalogue = served(tmp_path, shop="---\nmax-tokens: 5\n---\np")
    catalogue.lay_over(
        overlay(choices=(Choices(namespace="default", name="shop", overrides=BotOverrides(temperature=0)),))
    )
    write_bots(tmp_path, {"shop": "---\nmax-tokens: lots and lots\n---\np"})
    for _ in range(2):
        catalogue.load()
    catalogue.lay_over(Overlay())
    bot = catalogue.get("default", "shop")
    assert bot is not None
    assert (bot.max_tokens, bot.temperature) == (5, 0.7), "what was chosen never becomes the file's own"


def test_a_stored_bot_goes_before_a_file_of_its_key_and_a_hidden_file_is_not_there(tmp_path: Path) -> None:
    catalogue = served(tmp_path, shop="file", other="file")
    hidden = Choices(namespace="default", name="other", hidden=True)
    catalogue.lay_over(overlay(SENT, choices=(hidden,)))
    ((entry),) = catalogue.all()
    assert (entry.source, entry.path, entry.stored, entry.updated_at) == ("sdk", None, SENT, 5.0)
    assert entry.bot is not None
    assert (entry.bot.prompt, entry.bot.version, entry.bot.max_tokens) == ("Help.", 4, 500)
    assert set(catalogue.files()) == {("default", "shop"), ("default", "other")}
    catalogue.lay_over(Overlay())
    assert [entry.source for entry in catalogue.all()] == ["filesystem", "filesystem"]


def test_looking_at_the_files_changes_no_served_bot(tmp_path: Path) -> None:
    catalogue = served(tmp_path, shop="one")
    write_bots(tmp_path, {"shop": "another", "new": "p"})
    assert set(catalogue.look()) == {("default", "shop"), ("default", "new")}
    assert [entry.name for entry in catalogue.all()] == ["shop"]
    assert catalogue.get("default", "shop") == Bot(name="shop", prompt="one")


def test_unchanged_code_is_read_once() -> None:
    reading = StoredBots(trusted=False)
    first = reading.overlay(Kept(bots={SENT.key: SENT})).stored[SENT.key]
    again = StoredBot(namespace="default", name="shop", code=CODE, updated_at=5.0, created_at=5.0)
    assert reading.overlay(Kept(bots={SENT.key: again})).stored[SENT.key] is first


def test_the_code_of_a_stored_bot_that_went_bad_is_told_and_gives_no_bot() -> None:
    bad = StoredBot(namespace="default", name="shop", code="---\nnope: 1\n---\n")
    entry = overlay(bad).stored[bad.key]
    assert entry.bot is None
    assert entry.errors == ["default/shop:2: error: unknown setting nope"]


@pytest.mark.parametrize(
    ("front", "reason"),
    [
        ('mcp-servers: {a: {command: "sh -c id"}}', "would start a program"),
        ('mcp-servers: {a: {url: "http://169.254.169.254/latest"}}', "not on the internet"),
        ('mcp-servers: {a: {url: "https://127.0.0.1:9000/mcp"}}', "the server's own machine"),
        ('mcp-servers: {a: {url: "https://box.internal/mcp"}}', "not on the internet"),
        ('mcp-servers: {a: {url: "https://evil.example.com/{{crm.key}}"}}', "could be secret"),
        (
            'mcp-servers: {a: {url: "https://evil.example.com", headers: {X: "{{crm.key}}"}}}',
            "could be secret",
        ),
        ('http-headers: {evil.example.com: {X: "a {{ system:crm.key }}"}}', "could be secret"),
        ("http-allowed-domains: [api.example.com, localhost]", "own machine"),
        ('http-allowed-domains: ["[::1]:8080"]', "own machine"),
    ],
)
def test_a_bot_of_the_api_may_not_reach_into_the_server(front: str, reason: str) -> None:
    sent = StoredBot(namespace="default", name="shop", code=f"---\n{front}\n---\np")
    entry = overlay(sent).stored[sent.key]
    assert entry.bot is None
    assert reason in entry.errors[0]
    assert "APPLIANCE_API_BOTS_TRUSTED" in entry.errors[0]
    trusted = overlay(sent, trusted=True).stored[sent.key]
    assert trusted.bot is not None
    assert distrusted(trusted.bot)


def test_a_bot_of_the_api_may_ask_the_internet_and_tell_who_asks() -> None:
    front = (
        'mcp-servers: {a: {url: "https://mcp.example.com:8443/x", headers: {User: "{{user_id}}"}}}\n'
        'http-headers: {api.example.com: {Namespace: "{{ namespace }}"}}\n'
        'http-allowed-domains: [api.example.com, "*.example.org"]'
    )
    sent = StoredBot(namespace="default", name="shop", code=f"---\n{front}\n---\np")
    assert overlay(sent).stored[sent.key].errors == []


def test_newer_overrides_go_before_older_ones_and_an_empty_provider_clears() -> None:
    old = BotOverrides(max_tokens=1, provider_id="a", enabled=True)
    assert old.with_newer(BotOverrides(max_tokens=2, enabled=False)) == BotOverrides(
        max_tokens=2, provider_id="a", enabled=False
    )
    assert old.with_newer(BotOverrides(provider_id="")) == BotOverrides(max_tokens=1, enabled=True)


def test_overrides_become_the_attributes_of_a_bot() -> None:
    bot = BotOverrides(
        provider_id="p", max_conversation_turns=2, is_public=False, conversation_ttl_hours=1.5, temperature=0
    ).on(Bot(name="x"))
    assert (bot.provider, bot.max_turns, bot.public, bot.conversation_ttl_s, bot.temperature) == (
        "p",
        2,
        False,
        5400,
        0,
    )
    assert BotOverrides(conversation_ttl_hours=0.00001).on(Bot(name="x")).conversation_ttl_s == 1


def test_empty_lists_say_nothing_and_a_star_means_all_tables() -> None:
    assert (
        checked(BotOverrides(allowed_tables=[], allowed_schemas=[" "], allowed_operations=[]))
        == BotOverrides()
    )
    assert checked(BotOverrides(allowed_tables=["a", "*"])) == BotOverrides(allowed_tables=[])
    with pytest.raises(InvalidInput, match="DROP"):
        checked(BotOverrides(allowed_operations=["select", "drop"]))


def test_addresses_are_in_networks_or_not() -> None:
    private = networks(" 10.0.0.0/8 , ::1,127.0.0.1")
    assert [is_within(ip, private) for ip in ("10.1.2.3", "::1", "::ffff:10.0.0.1", "127.0.0.1")] == [
        True
    ] * 4
    assert [is_within(ip, private) for ip in ("11.0.0.1", "127.0.0.2", "fe80::1", "", "unix:")] == [False] * 5
    with pytest.raises(ValueError, match="'home' is neither"):
        networks("10.0.0.0/8,home")


def test_the_addresses_that_may_sync_are_a_setting_with_fluxbases_name_too() -> None:
    usual = networks(Settings().sync_allowed_ips)
    assert [is_within(ip, usual) for ip in ("127.0.0.1", "::1", "192.168.7.7", "fd00::1")] == [True] * 4
    assert not is_within("203.0.113.9", usual)
    assert load({"FLUXBASE_AI_SYNC_ALLOWED_IP_RANGES": "10.0.0.0/8"}).sync_allowed_ips == "10.0.0.0/8"
    with pytest.raises(InvalidInput, match="APPLIANCE_SYNC_ALLOWED_IPS: 'home' is neither"):
        load({"APPLIANCE_SYNC_ALLOWED_IPS": "home"})
