"""The SDK's dispatcher with one change: a tool that is listed wrongly costs a server no other tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.shared.dispatcher import CallOptions
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
from mcp.shared.transport_context import TransportContext
from mcp_types import methods
from mcp_types.version import LATEST_HANDSHAKE_VERSION
from pydantic import ValidationError

_LIST = "tools/list"


class ListingDispatcher(JSONRPCDispatcher[TransportContext]):
    """Takes tools out of a listing that the SDK would refuse the whole of it for.

    `left_out` are their names, of the last listing.
    """

    left_out: list[str]

    async def send_raw_request(
        self,
        method: str,
        params: Mapping[str, Any] | None,
        opts: CallOptions | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """As the SDK does it."""
        raw = await super().send_raw_request(method, params, opts, **more)
        if method == _LIST:
            self.left_out = []
            if isinstance(raw.get("tools"), list) and not _is_good(raw["tools"]):
                raw["tools"] = [tool for tool in raw["tools"] if self._keeps(tool)]
        return raw

    def _keeps(self, tool: Any) -> bool:
        if _is_good([tool]):
            return True
        name = tool.get("name") if isinstance(tool, dict) else None
        self.left_out.append(name if isinstance(name, str) else "")
        return False


def _is_good(tools: list[Any]) -> bool:
    try:
        methods.validate_server_result(_LIST, LATEST_HANDSHAKE_VERSION, {"tools": tools})
    except ValidationError:
        return False
    return True
