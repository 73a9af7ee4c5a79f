"""Settings in the console: the environment with masks, values for bots, the identity secret."""

from __future__ import annotations

from pathlib import Path

from tests.console.people import everything_stored
from tests.console.signed_in import admin_of
from tests.support.stack import stack

SECRET = "a-very-long-secret-of-the-environment-1234"


async def test_the_environment_is_told_without_its_secrets(tmp_path: Path) -> None:
    async with stack(tmp_path, jwt_secret=SECRET, openai_api_key=SECRET) as served, admin_of(served) as admin:
        found = await admin.get("settings")
        assert SECRET not in str(found)
        told = {one["field"]: one for one in found["environment"]}
        assert told["jwt_secret"] == {
            "name": "APPLIANCE_JWT_SECRET",
            "field": "jwt_secret",
            "value": "•••",
            "default": "",
            "set": True,
        }
        assert (told["openai_api_key"]["name"], told["openai_api_key"]["value"]) == ("OPENAI_API_KEY", "•••")
        assert (told["turns_max"]["value"], told["turns_max"]["set"]) == ("100", False)
        assert len(told) == len(found["environment"])


async def test_values_are_stored_and_secrets_never_shown(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        plain = await admin.put("settings/shop.name", {"value": "Lamps & Co", "secret": False})
        assert (plain["key"], plain["value"], plain["secret"]) == ("shop.name", "Lamps & Co", False)
        assert (await admin.put("settings/shop.key", {"value": SECRET, "secret": True}))["value"] is None
        found = await admin.get("settings")
        assert {one["key"]: one["value"] for one in found["stored"]} == {
            "shop.name": "Lamps & Co",
            "shop.key": None,
        }
        assert SECRET.encode() not in everything_stored(served)
        status, code, _ = await admin.refused("PUT", "settings/shop.key", {"value": "x", "secret": False})
        assert (status, code) == (409, "CONFLICT")
        await admin.delete("settings/shop.name")
        assert (await admin.refused("DELETE", "settings/shop.name"))[:2] == (404, "NOT_FOUND")
        for key, body in (
            ("1bad", {"value": "x"}),
            ("good", {"value": ""}),
            ("good", {}),
            ("user_id", {"value": "x"}),
        ):
            assert (await admin.refused("PUT", f"settings/{key}", body))[0] == 400, key
        told = [one for one in await admin.actions() if one.startswith("setting.")]
        assert told == ["setting.set", "setting.set", "setting.remove"]
        assert SECRET not in str(await admin.get("audit", limit=500))


async def test_the_identity_secret_is_shown_once(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        assert (await admin.get("settings"))["widget"]["identity_secret_hint"] is None
        first = (await admin.post("settings/identity-secret"))["secret"]
        second = (await admin.post("settings/identity-secret"))["secret"]
        assert first != second
        found = await admin.get("settings")
        assert found["widget"]["identity_secret_hint"].endswith(second[-4:])
        assert second not in str(found)
        assert second.encode() not in everything_stored(served)
        assert (await admin.actions())[-1] == "identity_secret.rotate"
