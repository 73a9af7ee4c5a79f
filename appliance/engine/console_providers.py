"""Trying out a model provider: one small question, with a deadline, and what is wrong in plain words."""

from __future__ import annotations

import msgspec
import trio

from appliance.engine import witness
from appliance.engine.engine import Engine
from appliance.engine.provider_views import ProviderView
from appliance.engine.providers import OFFLINE, Providers
from appliance.errors import ApplianceError, Forbidden
from appliance.identity import Caller
from appliance.messages import PromptMessage
from appliance.providers.base import ModelRequest, ModelText, Provider

DEADLINE_S = 20.0
TOKENS_MAX = 32
TEXT_CHARS_MAX = 200
ERROR_CHARS_MAX = 500
QUESTION = "Reply with the one word: ready"


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it: what the model said, or why it said nothing."""

    ok: bool
    took_ms: float
    text: str | None = None
    error: str | None = None


def providers_of(engine: Engine) -> Providers:
    """The providers as administrators see them."""
    providers = engine.services.providers
    assert providers is not None, "the server makes them"
    return providers


async def listed(engine: Engine) -> list[ProviderView]:
    """All of them: the environment's, those of the database, and the offline model that is always there."""
    views = await providers_of(engine).all()
    return views if any(view.type == OFFLINE for view in views) else [*views, _offline(views)]


async def get(engine: Engine, id: str) -> ProviderView:
    """One of them; raises `NotFound`."""
    for view in await listed(engine):
        if view.id == id:
            return view
    return await providers_of(engine).get(id)


def check_changeable(id: str) -> None:
    """Raises `Forbidden` for the offline model, which nobody can change."""
    if id == OFFLINE:
        raise Forbidden(
            "The offline model is built in and cannot be changed. It answers when there is no other provider."
        )


async def test(engine: Engine, id: str, caller: Caller) -> Tried:
    """Ask it something; raises `NotFound`. Nothing else is raised: what is wrong stands in the answer."""
    view = await get(engine, id)
    began = trio.current_time()
    text = error = None
    try:
        with trio.fail_after(DEADLINE_S):
            text = await _ask(providers_of(engine).open(id))
    except trio.TooSlowError:
        error = f"It did not answer within {DEADLINE_S:g} seconds."
    except ApplianceError as problem:
        error = problem.text
    if text is not None and not text.strip():
        error, text = "It answered with nothing.", None
    took_ms = round((trio.current_time() - began) * 1000, 1)
    told = {"name": view.name, "ok": error is None, "took_ms": took_ms}
    await witness.did(engine.services, caller, "provider.test", id, told)
    return Tried(
        ok=error is None,
        took_ms=took_ms,
        text=text and text.strip()[:TEXT_CHARS_MAX],
        error=error and error[:ERROR_CHARS_MAX],
    )


async def _ask(provider: Provider) -> str:
    messages = [PromptMessage(role="user", content=QUESTION)]
    request = ModelRequest(messages=messages, temperature=0, max_tokens=TOKENS_MAX)
    async with provider.stream(request) as events:
        return "".join([event.text async for event in events if isinstance(event, ModelText)])


def _offline(others: list[ProviderView]) -> ProviderView:
    return ProviderView(
        id=OFFLINE,
        name=OFFLINE,
        display_name="Offline model (built in)",
        type=OFFLINE,
        config={},
        is_default=not others,
        use_for_embeddings=False,
        embedding_model=None,
        enabled=True,
        is_read_only=True,
        created_at=0.0,
        updated_at=0.0,
        created_by=None,
        problem="",
    )
