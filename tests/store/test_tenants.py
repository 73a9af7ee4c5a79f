import apsw
import pytest

from appliance.errors import InvalidInput
from appliance.store.migrate import migrate
from appliance.store.tenants import ensure_tenant, tenant_exists


def test_default_is_always_there_and_others_once_made() -> None:
    db = apsw.Connection(":memory:")
    migrate(db)
    assert tenant_exists(db, "default")
    assert not tenant_exists(db, "acme")
    ensure_tenant(db, "acme", 1.0)
    ensure_tenant(db, "acme", 2.0)
    assert tenant_exists(db, "acme")
    assert db.execute("SELECT created_at FROM _tenants WHERE name = 'acme'").get == 1.0


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "a/b", "ä", "a\n", "x" * 64, "a\x00b"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    db = apsw.Connection(":memory:")
    migrate(db)
    with pytest.raises(InvalidInput, match="tenant's name"):
        ensure_tenant(db, name, 1.0)
