"""Who may use Fluxbase's endpoints for administrators (9.2): asked before a body is looked at.

So a stranger learns nothing, not even what would be wrong with it. Bots, providers and tables serve all
tenants, so that of administrators only those of the default tenant may.
"""

from __future__ import annotations

from appliance.errors import Forbidden
from appliance.identity import DEFAULT_TENANT, Caller, require_operator

TENANT_ADMIN = "tenant_admin"
"""May do what an administrator may, but sync nor look on."""


def check_keeper(caller: Caller) -> None:
    """Raises `AuthRequired`, `Forbidden` unless the caller may keep bots and providers and see tables."""
    if caller.role != TENANT_ADMIN or caller.tenant != DEFAULT_TENANT:
        require_operator(caller)


def check_syncer(caller: Caller) -> None:
    """The same for syncing bots, which a `tenant_admin` may not."""
    check_keeper(caller)
    if caller.role == TENANT_ADMIN:
        raise Forbidden("This needs the role admin or a service key.")
