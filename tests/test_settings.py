"""Settings: read from a mapping, refused with every complaint at once."""

import pytest

from appliance.errors import InvalidInput
from appliance.settings import Settings, load


def test_nothing_set_gives_the_defaults() -> None:
    assert load({}) == load({"PATH": "/bin", "APPLIANCE_PORT": " "}) == Settings()


def test_values_are_converted_by_type() -> None:
    settings = load({"APPLIANCE_PORT": "0", "APPLIANCE_ORPHAN_GRACE_S": "2.5", "OLLAMA_MODEL": "m"})
    assert (settings.port, settings.orphan_grace_s, settings.ollama_model) == (0, 2.5, "m")


def test_all_complaints_come_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        load({"APPLIANCE_PROT": "1", "APPLIANCE_ZEBRA": "1", "APPLIANCE_TURNS_MAX": "many"})
    assert "did you mean APPLIANCE_PORT?" in refused.value.text
    assert "APPLIANCE_ZEBRA" in refused.value.text
    assert "APPLIANCE_TURNS_MAX='many' must be a whole number" in refused.value.text


def test_negative_numbers_short_secrets_and_unknown_providers_are_refused() -> None:
    for name, value in {
        "PORT": "-1",
        "JWT_SECRET": "short",
        "ENCRYPTION_KEY": "short",
        "PROVIDER": "bard",
        "EMBEDDING_PROVIDER": "bard",
    }.items():
        with pytest.raises(InvalidInput, match=f"APPLIANCE_{name}"):
            load({f"APPLIANCE_{name}": value})


def test_variables_of_others_are_left_alone() -> None:
    load({"OPENAI_ORG": "x", "OLLAMA_DEBUG": "1"})


def test_a_representation_holds_no_secret() -> None:
    names = ("APPLIANCE_JWT_SECRET", "APPLIANCE_ENCRYPTION_KEY", "OPENAI_API_KEY", "AZURE_OPENAI_API_KEY")
    settings = load(dict.fromkeys(names, "t0p-secret-t0p-secret-t0p-secret-"))
    assert "t0p" not in repr(settings)
    assert "port=8080" in repr(settings)
