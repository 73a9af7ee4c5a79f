"""Keys of Botpress clients: what is judged and what is not, at any moment, without a server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import InvalidCredential
from appliance.server.guest_keys import SignedKeys
from appliance.settings import Settings
from appliance.store.database import database_path
from appliance.store.store import Store
from appliance.store.vault import Vault

NOW = 1_700_000_000.0
SECRET = "the-appliances-own-secret-of-forty-characters"


def raw_signed(secret: bytes, *, header: Any = None, **claims: Any) -> str:
    """A key made by hand, so that no library has an opinion on the secret or the claims."""
    parts = [_part(header or {"alg": "HS256", "typ": "JWT"}), _part(claims)]
    signature = hmac.digest(secret, b".".join(parts), hashlib.sha256)
    return b".".join((*parts, _encoded(signature))).decode()


def _part(value: Any) -> bytes:
    return _encoded(json.dumps(value).encode())


def _encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


@asynccontextmanager
async def keys(data: Path, **settings: Any) -> AsyncIterator[SignedKeys]:
    async with Store.open(database_path(data)) as store:
        vault = Vault("v" * 32)
        yield SignedKeys(store, vault, Settings(data=str(data), **settings), SECRET, lambda: NOW)


async def test_a_key_made_here_is_good_for_its_tenant_alone(tmp_path: Path) -> None:
    async with keys(tmp_path) as made:
        key = made.sign("default", "ann")
        assert made.verify("default", key).id == "ann"
        with pytest.raises(InvalidCredential):
            made.verify("acme", key)


async def test_the_appliances_own_secret_signs_no_user_keys(tmp_path: Path) -> None:
    async with keys(tmp_path) as made:
        for secret in (SECRET.encode(), b""):
            with pytest.raises(InvalidCredential):
                made.verify("default", raw_signed(secret, id="ann"))


@pytest.mark.parametrize(
    ("claims", "good"),
    [
        ({"exp": NOW + 1}, True),
        ({"exp": NOW}, False),
        ({"exp": "soon"}, False),
        ({"nbf": NOW}, True),
        ({"nbf": NOW + 1}, False),
        ({"iss": {"a": 1}, "aud": 5, "sub": [], "jti": {}, "iat": NOW + 10**6}, True),
        ({"fid": "ann"}, True),
        ({"fid": "bob"}, False),
        ({"name": 5}, True),
    ],
)
async def test_only_id_exp_and_nbf_are_judged(tmp_path: Path, claims: dict[str, Any], good: bool) -> None:
    async with keys(tmp_path, botpress_encryption_key="k") as made:
        key = raw_signed(b"k", id="ann", **claims)
        if good:
            assert made.verify("default", key).id == "ann"
        else:
            with pytest.raises(InvalidCredential, match="Invalid user key"):
                made.verify("default", key)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS384"},
        {"alg": "hs256"},
        {"alg": 5},
        {},
        {"alg": "HS256", "kid": 7},
        {"alg": "HS256", "crit": ["x"]},
    ],
)
async def test_the_algorithm_is_not_the_keys_to_choose(tmp_path: Path, header: Any) -> None:
    async with keys(tmp_path, botpress_encryption_key="k") as made:
        with pytest.raises(InvalidCredential):
            made.verify("default", raw_signed(b"k", header=header, id="ann") if header else "e30.e30.AA")


async def test_no_key_is_made_for_a_tenant_that_signs_itself(tmp_path: Path) -> None:
    async with keys(tmp_path, botpress_encryption_key="k") as made:
        assert made.is_personal("default")
        with pytest.raises(InvalidCredential):
            made.sign("default", "ann")
        assert not made.is_personal("acme")


async def test_a_former_key_tells_of_its_user(tmp_path: Path) -> None:
    async with keys(tmp_path, botpress_encryption_key="k") as made:
        named = made.verify("default", raw_signed(b"k", fid="ann", name="Ann", pictureUrl="p", profile="{}"))
        assert (named.id, named.name, named.picture_url, named.profile) == ("ann", "Ann", "p", "{}")
