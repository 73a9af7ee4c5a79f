"""Fluxbase's names of the provider variables count where ours are not set."""

import pytest

from appliance.errors import InvalidInput
from appliance.settings import FLUXBASE_VARIABLES, VARIABLES, Settings, load

KINDS = tuple(f"FLUXBASE_AI_{kind}_" for kind in ("PROVIDER", "OPENAI", "AZURE", "OLLAMA"))
OF_PROVIDERS = [pair for pair in FLUXBASE_VARIABLES.items() if pair[0].startswith(KINDS)]


@pytest.mark.parametrize(("variable", "field"), OF_PROVIDERS)
def test_each_of_fluxbases_variables_sets_its_field_and_ours_goes_first(variable: str, field: str) -> None:
    ours = next(name for name in VARIABLES if VARIABLES[name] == field)
    assert not ours.startswith("FLUXBASE_")
    assert getattr(load({variable: "azure"}), field) == "azure"
    assert getattr(load({ours: "ollama", variable: "azure"}), field) == "ollama"
    assert getattr(load({variable: "azure", ours: "ollama"}), field) == "ollama"
    assert load({variable: " "}) == Settings()


def test_an_unknown_provider_is_refused_under_the_name_that_was_used() -> None:
    with pytest.raises(InvalidInput, match="FLUXBASE_AI_PROVIDER_TYPE='bard' must be one of"):
        load({"FLUXBASE_AI_PROVIDER_TYPE": "bard"})


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("FLUXBASE_AI_CHATBOTS_DIR", "./chatbots", "bots", "./chatbots"),
        ("FLUXBASE_AI_MAX_ROWS_PER_QUERY", "500", "sql_rows_max", 500),
        ("FLUXBASE_AI_QUERY_TIMEOUT", "30s", "sql_timeout_s", 30.0),
        ("FLUXBASE_AI_QUERY_TIMEOUT", "1m30s", "sql_timeout_s", 90.0),
        ("FLUXBASE_AI_QUERY_TIMEOUT", "500ms", "sql_timeout_s", 0.5),
        ("FLUXBASE_AI_CONVERSATION_CACHE_TTL", "1.5h", "idle_conversation_s", 5400.0),
        ("FLUXBASE_AI_CONVERSATION_CACHE_TTL", "45", "idle_conversation_s", 45.0),
        ("FLUXBASE_AUTH_JWT_SECRET", "s" * 32, "jwt_secret", "s" * 32),
    ],
)
def test_directories_limits_and_durations_are_read_in_fluxbases_form(
    variable: str, text: str, field: str, value: object
) -> None:
    assert getattr(load({variable: text}), field) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("FLUXBASE_AI_QUERY_TIMEOUT", "soon"),
        ("FLUXBASE_AI_QUERY_TIMEOUT", "30 seconds"),
        ("FLUXBASE_AI_MAX_ROWS_PER_QUERY", "0"),
        ("FLUXBASE_AUTH_JWT_SECRET", "short"),
        ("FLUXBASE_AI_SYNC_ALLOWED_IP_RANGES", "home"),
        ("APPLIANCE_SQL_TIMEOUT_S", "30s"),
    ],
)
def test_a_bad_value_is_refused_under_the_name_that_was_used(variable: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=variable):
        load({variable: text})


def test_other_variables_of_fluxbase_are_left_alone() -> None:
    assert load({"FLUXBASE_AI_OCR_LANGUAGES": "eng"}) == Settings()


def test_a_representation_holds_no_secret() -> None:
    settings = load({"FLUXBASE_AI_OPENAI_API_KEY": "t0p-secret", "FLUXBASE_AI_AZURE_API_KEY": "t0p-secret"})
    assert "t0p" not in repr(settings)
