"""The environment as one frozen `Settings`; the only module that knows variable names.

Ours start with `APPLIANCE_`; provider variables keep the names that people already have in their shells.
A misspelt `APPLIANCE_` variable is refused, since a setting that silently does nothing is worse than none.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

import msgspec

from appliance.errors import InvalidInput
from appliance.networks import networks

PREFIX = "APPLIANCE_"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every knob, with its unit in its name. `APPLIANCE_` + the upper-case field name sets it."""

    data: str = "./data"
    host: str = "127.0.0.1"
    port: int = 8080
    bots: str = ""
    """Folder of bot files; empty means `<data>/bots` when it exists, else the bundled examples."""
    data_rules: str = ""
    """The file of rules for every bot; empty means `<data>/data.yaml`, where there is one."""
    jwt_secret: str = ""
    """HS256 secret, at least 32 characters; empty means the one generated beside the database."""
    encryption_key: str = ""
    """Encrypts stored settings, at least 32 characters; empty means the one generated beside the database."""
    trusted_proxies: str = ""
    """Comma-separated addresses or networks whose X-Forwarded-For is believed."""
    sync_allowed_ips: str = "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
    """Comma-separated addresses or networks that may sync bots over the API; private ones and loopback."""
    api_bots_trusted: bool = False
    """Whether bots made over the API may start programs, send stored secrets and ask the own machine."""
    allowed_origins: str = "*"
    """Comma-separated origins that browsers may call from; `*` allows all."""

    public_url: str = ""
    """Where people reach the server, like https://chat.example.com; empty means: as they came."""
    oidc_issuer: str = ""
    """The address of the OpenID Connect service whose users may sign in to the console."""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_name: str = ""
    """What the button of that login says; empty means the issuer's host."""
    oidc_allowed: str = ""
    """Comma-separated e-mail addresses or @domains of those who may come."""
    oidc_claim: str = "email"
    """By which claim the address is told: email, or one that the service vouches for, such as upn."""
    oidc_role: str = "operator"
    """What accounts are that such a login makes: operator or admin."""

    default_bot: str = ""
    """The bot that answers where a wire names none and the key neither; empty means the only one there is."""
    botpress_encryption_key: str = ""
    """Botpress clients of the tenant `default` bring keys signed with it; empty means they are made here."""
    credits: str = "answer"
    """What Chatbase clients are told that an answer costs: one per `answer`, or one per 1,000 `tokens`."""
    lexicon_owner_only: bool = True
    """Only a chat's own user may connect to it over the Lexicon socket."""
    lexicon_messages_per_second_max: int = 10
    """Messages of one Lexicon connection within a second."""
    lexicon_sockets_per_tenant_max: int = 50
    requests_per_10_s_max: int = 100
    """Chatbase requests of one key and address within ten seconds; 0 is no limit."""
    strangers_users_per_minute_max: int = 30
    """Botpress users that one network may make within a minute; 0 is no limit."""
    strangers_conversations_per_minute_max: int = 60
    """Conversations that people without a token or key may open from one network within a minute."""
    strangers_uploads_per_hour_max: int = 30
    """Files that people without a token or key may attach from one network within an hour; 0 is no limit."""
    network_limit_factor: int = 5
    """Visitors of one network may together have so many times a bot's limits for one of them."""
    widget_upload_bytes_max: int = 10_485_760
    """Largest file that a visitor may attach to a conversation."""
    kept_conversation_s: float = 2_592_000.0
    """How long conversations of wires that keep them live after their last message.

    Where the bot says nothing.
    """

    provider: str = ""
    """openai, azure, ollama or offline; empty picks the first that is configured."""
    provider_name: str = ""
    """What administrators read as the name of the provider that is configured here."""
    provider_model: str = ""
    """The model of `provider` when it has none of its own."""
    context_tokens: int = 0
    """How much the model can read; 0 keeps the provider's own figure."""
    schema_tokens: int = 6000
    """Tokens of a prompt that describe tables, at most, and never more than half of what the model reads."""
    provider_idle_timeout_s: float = 60.0
    """Silence between two chunks of a model's stream that ends the call."""
    provider_connect_timeout_s: float = 10.0
    provider_retries: int = 2

    turns_max: int = 100
    """Running turns in the whole process; further ones wait."""
    queue_max: int = 8
    """Messages waiting in one conversation; more are answered with BUSY."""
    orphan_grace_s: float = 30.0
    """How long a turn goes on with nobody reading it."""
    shutdown_grace_s: float = 10.0
    """How long SIGTERM lets running turns finish."""
    trace_days: int = 14
    """For so many days it is kept what explains each answer; 0 keeps nothing."""
    idle_conversation_s: float = 1800.0
    """Conversations of bots that do not persist them are deleted after this silence."""

    message_bytes_max: int = 262_144
    """Largest WebSocket message that is read."""
    body_bytes_max: int = 2_097_152
    """Largest HTTP request body that is taken."""
    sockets_max: int = 2000
    """Open connections in the whole process."""
    sockets_per_principal_max: int = 500
    """Open WebSockets and streams of one user, key or address."""
    messages_per_second_max: int = 10
    """Frames one socket may send per second on average, with bursts of twenty seconds' worth."""
    ping_interval_s: float = 25.0
    write_timeout_s: float = 20.0
    """A client that takes nothing for so long is disconnected."""

    embedding_provider: str = ""
    """openai, azure, ollama, local or none; empty picks the first that is there."""
    embedding_model: str = ""
    """The model that makes vectors; empty means the usual one of its provider."""
    embedding_model_path: str = ""
    """A folder with `model.onnx` and `tokenizer.json`; empty means the model that `[embed]` installs."""
    document_bytes_max: int = 52_428_800
    """Largest file that a knowledge base takes."""
    extract_memory_mib_max: int = 1024
    """Memory of the process that reads a file."""
    extract_timeout_s: float = 120.0
    """How long reading one file may take."""

    sql_timeout_s: float = 5.0
    sql_rows_max: int = 1000
    sql_bytes_max: int = 1_000_000
    sql_memory_mib_max: int = 512
    sql_workers_max: int = 2

    log_level: str = "info"

    openai_api_key: str = ""
    openai_base_url: str = ""
    openai_model: str = ""
    openai_org_id: str = ""
    azure_openai_endpoint: str = ""
    azure_openai_api_key: str = ""
    azure_openai_deployment: str = ""
    azure_openai_api_version: str = ""
    ollama_host: str = ""
    ollama_model: str = ""

    def __repr__(self) -> str:
        """Without secrets: logs and tracebacks show representations."""
        shown = (name for name in self.__struct_fields__ if not name.endswith(("_secret", "_key")))
        return f"Settings({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


EMBEDDING_PROVIDERS = ("openai", "azure", "ollama", "local", "none")

AT_LEAST_ONE = frozenset(
    ("turns_max", "schema_tokens", "sql_workers_max", "sql_rows_max", "sockets_max", "network_limit_factor")
)
"""With none of these nothing could ever be answered."""

FOREIGN_VARIABLES = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_MODEL",
    "OPENAI_ORG_ID",
    "AZURE_OPENAI_ENDPOINT",
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_DEPLOYMENT",
    "AZURE_OPENAI_API_VERSION",
    "OLLAMA_HOST",
    "OLLAMA_MODEL",
)
"""Read under their usual names, without our prefix."""

FLUXBASE_VARIABLES = {
    "FLUXBASE_AI_PROVIDER_TYPE": "provider",
    "FLUXBASE_AI_PROVIDER_NAME": "provider_name",
    "FLUXBASE_AI_PROVIDER_MODEL": "provider_model",
    "FLUXBASE_AI_OPENAI_API_KEY": "openai_api_key",
    "FLUXBASE_AI_OPENAI_ORGANIZATION_ID": "openai_org_id",
    "FLUXBASE_AI_OPENAI_BASE_URL": "openai_base_url",
    "FLUXBASE_AI_AZURE_API_KEY": "azure_openai_api_key",
    "FLUXBASE_AI_AZURE_ENDPOINT": "azure_openai_endpoint",
    "FLUXBASE_AI_AZURE_DEPLOYMENT_NAME": "azure_openai_deployment",
    "FLUXBASE_AI_AZURE_API_VERSION": "azure_openai_api_version",
    "FLUXBASE_AI_OLLAMA_ENDPOINT": "ollama_host",
    "FLUXBASE_AI_OLLAMA_MODEL": "ollama_model",
    "FLUXBASE_AI_EMBEDDING_PROVIDER": "embedding_provider",
    "FLUXBASE_AI_EMBEDDING_MODEL": "embedding_model",
    "FLUXBASE_AI_SYNC_ALLOWED_IP_RANGES": "sync_allowed_ips",
    "FLUXBASE_AI_CHATBOTS_DIR": "bots",
    "FLUXBASE_AI_MAX_ROWS_PER_QUERY": "sql_rows_max",
    "FLUXBASE_AI_QUERY_TIMEOUT": "sql_timeout_s",
    "FLUXBASE_AI_CONVERSATION_CACHE_TTL": "idle_conversation_s",
    "FLUXBASE_AUTH_JWT_SECRET": "jwt_secret",
}
"""Fluxbase's names for the same (its section 7), read where ours is not set."""

_UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|m|s)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")

_ORIGIN = re.compile(r"https?://[^\s/?#@]+/?")
_ISSUER = re.compile(r"(https://[^\s?#@]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/[^\s?#@]*)?)")
"""Without TLS only on this machine: its keys decide who comes in."""
_CLAIM = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,99}", re.ASCII)
_ALLOWED = re.compile(r"[^\s@]*@[^\s@]+")

_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}

VARIABLES: dict[str, str] = {
    **{
        PREFIX + name.upper(): name
        for name in Settings.__struct_fields__
        if name.upper() not in FOREIGN_VARIABLES
    },
    **{name: name.lower() for name in FOREIGN_VARIABLES},
    **FLUXBASE_VARIABLES,
}
"""Environment variable -> field of `Settings`; the first that is set counts."""


def load(environ: Mapping[str, str]) -> Settings:
    """Read `environ`; raises `InvalidInput` that names every bad or misspelt variable at once."""
    complaints = [_unknown(name) for name in sorted(environ) if name.startswith(PREFIX)]
    values: dict[str, object] = {}
    types = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    for variable, field in VARIABLES.items():
        text = environ.get(variable, "").strip()
        if not text or field in values:
            continue
        try:
            given = _seconds(text) if variable in FLUXBASE_VARIABLES and types[field] is float else text
            values[field] = msgspec.convert(given, types[field], strict=False)
        except msgspec.ValidationError:
            complaints.append(f"{variable}={text!r} must be {_KINDS[types[field].__name__]}")
            continue
        least = 1 if field in AT_LEAST_ONE else 0
        if isinstance(values[field], int | float) and values[field] < least:  # type: ignore[operator]
            complaints.append(f"{variable}={text!r} must be at least {least}")
    for field in ("jwt_secret", "encryption_key"):
        secret = str(values.get(field, ""))
        if secret and len(secret) < 32:
            name = _used(environ, field)
            complaints.append(f"{name} has {len(secret)} characters; at least 32 are needed")
    embedding = str(values.get("embedding_provider", ""))
    if embedding and embedding not in EMBEDDING_PROVIDERS:
        known = ", ".join(EMBEDDING_PROVIDERS)
        complaints.append(f"{_used(environ, 'embedding_provider')}={embedding!r} must be one of {known}")
    provider = str(values.get("provider", ""))
    if provider and provider not in {"openai", "azure", "ollama", "offline"}:
        complaints.append(
            f"{_used(environ, 'provider')}={provider!r} must be one of openai, azure, ollama, offline"
        )
    try:
        networks(str(values.get("sync_allowed_ips", "")))
    except ValueError as error:
        complaints.append(f"{_used(environ, 'sync_allowed_ips')}: {error}")
    complaints += _of_console(values)
    unit = str(values.get("credits", "answer"))
    if unit not in {"answer", "tokens"}:
        complaints.append(f"{PREFIX}CREDITS={unit!r} must be answer or tokens")
    found = [complaint for complaint in complaints if complaint]
    if found:
        raise InvalidInput("; ".join(found))
    return msgspec.convert(values, Settings)


def _of_console(values: Mapping[str, object]) -> list[str]:
    """What is wrong with the console's address and its login by another service."""
    text = {name: str(values.get(name, "")) for name in Settings.__struct_fields__}
    found = []
    if text["public_url"] and not _ORIGIN.fullmatch(text["public_url"]):
        found.append(f"{PREFIX}PUBLIC_URL={text['public_url']!r} must be like https://chat.example.com")
    if text["oidc_role"] not in ("", "admin", "operator"):
        found.append(f"{PREFIX}OIDC_ROLE={text['oidc_role']!r} must be admin or operator")
    if text["oidc_claim"] and not _CLAIM.fullmatch(text["oidc_claim"]):
        found.append(f"{PREFIX}OIDC_CLAIM={text['oidc_claim']!r} must be the name of a claim, such as upn")
    if text["oidc_issuer"] and not _ISSUER.fullmatch(text["oidc_issuer"]):
        found.append(
            f"{PREFIX}OIDC_ISSUER={text['oidc_issuer']!r} must be an address that begins with https://"
        )
    given = {name: text[name] for name in ("oidc_issuer", "oidc_client_id", "oidc_allowed")}
    if any(given.values()):
        missing = [PREFIX + name.upper() for name, value in given.items() if not value]
        found += [f"{name} is needed for a login by OpenID Connect" for name in missing]
    entries = [entry.strip() for entry in text["oidc_allowed"].split(",") if entry.strip()]
    bad = [entry for entry in entries if not _ALLOWED.fullmatch(entry)]
    return found + [f"{PREFIX}OIDC_ALLOWED: {entry!r} is neither an address nor @domain" for entry in bad]


def _seconds(text: str) -> str:
    """Go's way to write a duration (`1m30s`, `500ms`) in seconds; anything else as it is."""
    if not _DURATION.fullmatch(text):
        return text
    return repr(sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text)))


def _used(environ: Mapping[str, str], field: str) -> str:
    """The variable that a field was read from."""
    return next(name for name, of in VARIABLES.items() if of == field and environ.get(name, "").strip())


def _unknown(name: str) -> str:
    if name in VARIABLES:
        return ""
    close = difflib.get_close_matches(name, VARIABLES, n=1)
    hint = f"; did you mean {close[0]}?" if close else "; see docs/settings.md for all of them"
    return f"unknown variable {name}{hint}"
