"""What is sealed opens with the same key at the same place, and in no other way."""

import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import InvalidInput, StoreError
from appliance.store.secret import load_encryption_key, load_secret
from appliance.store.vault import Vault

VAULT = Vault("k" * 32)
OTHER = Vault("o" * 32)
PLACE = ("setting", "default", "alice", "crm.token")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.text(max_size=5), max_size=4))
def test_what_is_sealed_opens_again(text: str, place: list[str]) -> None:
    assert VAULT.open(VAULT.seal(text, place), place) == text


def test_another_process_with_the_same_key_opens_it() -> None:
    assert Vault("k" * 32).open(VAULT.seal("t0p-secret", PLACE), PLACE) == "t0p-secret"


def test_the_same_text_is_never_sealed_alike_and_never_readable() -> None:
    blobs = {VAULT.seal("t0p-secret", PLACE) for _ in range(100)}
    assert len(blobs) == 100
    assert not any(b"t0p" in blob for blob in blobs)


@pytest.mark.parametrize(
    "place",
    [
        ("setting", "default", "bob", "crm.token"),
        ("setting", "default", "", "crm.token"),
        ("setting", "other", "alice", "crm.token"),
        ("setting", "default", "alice", "crm.url"),
        ("apikey", "default", "alice", "crm.token"),
        ("setting", "default", "alicecrm", ".token"),
        ("setting", 'default","alice', "crm.token"),
        (),
    ],
)
def test_a_value_that_was_moved_is_refused(place: tuple[str, ...]) -> None:
    with pytest.raises(StoreError, match="its row was changed"):
        VAULT.open(VAULT.seal("t0p-secret", PLACE), place)


def test_every_changed_byte_and_every_cut_is_refused() -> None:
    blob = VAULT.seal("t0p-secret", PLACE)
    changed = [blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :] for at in range(len(blob))]
    for bad in [*changed, *(blob[:length] for length in range(len(blob))), blob + b"x", b"plain text"]:
        with pytest.raises(StoreError):
            VAULT.open(bad, PLACE)


def test_a_wrong_key_is_a_sentence_that_says_what_to_do() -> None:
    with pytest.raises(
        StoreError, match=r"crm\.token cannot be decrypted.*another encryption key"
    ) as refused:
        OTHER.open(VAULT.seal("t0p-secret", PLACE), PLACE)
    assert "APPLIANCE_ENCRYPTION_KEY" in refused.value.text
    assert "crm" not in refused.value.public_text


def test_no_error_carries_the_value() -> None:
    value = "".join(["t0p", "-secret\udc80"])  # tracebacks quote this file
    with pytest.raises(InvalidInput) as refused:
        VAULT.seal(value, PLACE)
    error: BaseException | None = refused.value
    assert "t0p" not in "".join(traceback.format_exception(refused.value))
    while error is not None:
        assert "t0p" not in repr(error.args)
        error = error.__cause__ or error.__context__


def test_the_generated_key_is_its_own_file_for_the_owner_alone(tmp_path: Path) -> None:
    key = load_encryption_key(tmp_path)
    assert load_encryption_key(tmp_path) == key != load_secret(tmp_path)
    assert (tmp_path / "secrets.key").stat().st_mode & 0o777 == 0o600
    assert load_encryption_key(tmp_path, "c" * 32) == "c" * 32
    (tmp_path / "secrets.key").write_text("short")
    with pytest.raises(StoreError, match=r"encryption key .* damaged.*settings stored before"):
        load_encryption_key(tmp_path)
