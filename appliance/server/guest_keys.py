"""User keys of Botpress clients: JSON Web Tokens signed by HS256, by the tenant or else by us.

A tenant that has configured an encryption key signs keys itself, and keys that were made here count no
longer. Only the signature, `exp` and `nbf` are judged: those who sign use libraries of all kinds, so other
claims mean nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import jwt
import msgspec
from jwt.algorithms import HMACAlgorithm
from jwt.api_jws import PyJWS

from appliance.engine.guest_keys import Named
from appliance.errors import InvalidCredential, StoreError
from appliance.identity import DEFAULT_TENANT
from appliance.server.tokens import ALGORITHM, TOKEN_BYTES_MAX
from appliance.settings import Settings
from appliance.store import settings as stored_settings
from appliance.store.store import Store
from appliance.store.vault import Vault

SETTING = "botpress_encryption_key"
"""What tenants call their own key, as a stored setting."""
PURPOSE = b"chat-appliance/botpress-user-keys/1\0"


class _AnySecret(HMACAlgorithm):
    """HS256 with whatever text a tenant has chosen, short or looking like a certificate."""

    def prepare_key(self, key: str | bytes) -> bytes:
        return key.encode() if isinstance(key, str) else key

    def check_key_length(self, key: bytes) -> str | None:
        return None


class _Claims(msgspec.Struct, kw_only=True):
    """0.2.x calls the id `fid` and may tell of its user in the key."""

    id: str | None = None
    fid: str | None = None
    exp: float | None = None
    nbf: float | None = None


class _Told(msgspec.Struct, kw_only=True, rename="camel"):
    name: str | None = None
    picture_url: str | None = None
    profile: str | None = None


class SignedKeys:
    """The keys of all tenants; `secret` is the appliance's own, from which one for each tenant is derived."""

    def __init__(
        self, store: Store, vault: Vault, settings: Settings, secret: str, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._vault = vault
        self._configured = settings.botpress_encryption_key
        self._secret = secret
        self._clock = clock
        self._jws = PyJWS(algorithms=[])
        self._jws.register_algorithm(ALGORITHM, _AnySecret(HMACAlgorithm.SHA256))

    def is_personal(self, tenant: str) -> bool:
        """Has the tenant a key of its own? Raises `StoreError` when it has one that cannot be read."""
        return bool(self._own(tenant))

    def sign(self, tenant: str, id: str) -> str:
        """A key that is good for ever; raises `InvalidCredential` when the tenant signs keys itself."""
        if self._own(tenant):
            raise InvalidCredential(
                "Users are not created here: sign {id} with the encryption key, then get or create the user."
            )
        claims = msgspec.json.encode({"id": id, "iat": int(self._clock())})
        return self._jws.encode(claims, self._derived(tenant), algorithm=ALGORITHM)

    def verify(self, tenant: str, key: str) -> Named:
        """Whom the key names; raises `InvalidCredential`, the same for whatever is wrong with it."""
        try:
            if len(key) > TOKEN_BYTES_MAX or not key.isascii():
                raise ValueError("no token looks like this")
            secret = self._own(tenant) or self._derived(tenant)
            signed: bytes = self._jws.decode(key, secret, algorithms=[ALGORITHM])
            claims = msgspec.json.decode(signed, type=_Claims)
        except (jwt.PyJWTError, msgspec.DecodeError, ValueError, RecursionError):
            raise InvalidCredential("Invalid user key.") from None
        return self._judged(claims, signed)

    def _judged(self, claims: _Claims, signed: bytes) -> Named:
        now = self._clock()
        late = claims.exp is not None and claims.exp <= now
        early = claims.nbf is not None and claims.nbf > now
        id = claims.fid if claims.id is None else claims.id
        if late or early or id is None or (claims.fid is not None and claims.fid != id):
            raise InvalidCredential("Invalid user key.")
        told = _told(signed)
        return Named(
            id=id,
            name=told.name,
            picture_url=told.picture_url,
            profile=told.profile,
            expires_at=claims.exp,
        )

    def _own(self, tenant: str) -> str:
        """The tenant's own key; empty when it has none, never when it cannot be read."""
        if tenant == DEFAULT_TENANT and self._configured:
            return self._configured
        stored = self._store.read_now(stored_settings.values, self._vault, tenant).system.get(SETTING)
        if stored is None:
            return ""
        if stored.value is None:
            raise StoreError(f"The setting {SETTING} of tenant {tenant!r} cannot be decrypted.")
        return stored.value

    def _derived(self, tenant: str) -> bytes:
        return hmac.digest(self._secret.encode(), PURPOSE + tenant.encode(), hashlib.sha256)


def _told(signed: bytes) -> _Told:
    """What the key tells of its user; of no account when it is of another kind."""
    try:
        return msgspec.json.decode(signed, type=_Told)
    except msgspec.DecodeError:
        return _Told()
