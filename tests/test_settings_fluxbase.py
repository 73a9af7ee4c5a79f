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


def test_other_variables_of_fluxbase_are_left_alone() -> None:
    assert load({"FLUXBASE_AI_QUERY_TIMEOUT": "30s"}) == Settings()


def test_a_representation_holds_no_secret() -> None:
    settings = load({"FLUXBASE_AI_OPENAI_API_KEY": "t0p-secret", "FLUXBASE_AI_AZURE_API_KEY": "t0p-secret"})
    assert "t0p" not in repr(settings)
