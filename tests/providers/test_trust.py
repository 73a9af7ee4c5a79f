from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest

from appliance.providers.http import new_client
from tests.tools.web_server import Authority, reply, web_server


def keep_certificates(authority: Authority, path: Path) -> Path:
    (root,) = authority.client().get_ca_certs(binary_form=True)
    path.write_text(ssl.DER_cert_to_PEM_cert(root))
    return path


async def test_a_server_is_trusted_whose_authority_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority()
    monkeypatch.setenv("SSL_CERT_FILE", str(keep_certificates(authority, tmp_path / "root.pem")))
    tls = authority.server("127.0.0.1", str(tmp_path / "server.pem"))
    async with web_server(reply(b"{}"), tls=tls) as server, new_client() as client:
        assert (await client.get(f"https://127.0.0.1:{server.port}/")).status_code == 200


@pytest.mark.parametrize("named", ["127.0.0.1", "elsewhere.test"])
async def test_others_are_not_nor_one_under_a_foreign_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    authority, other = Authority(), Authority()
    trusted = other if named == "127.0.0.1" else authority
    monkeypatch.setenv("SSL_CERT_FILE", str(keep_certificates(trusted, tmp_path / "root.pem")))
    tls = authority.server(named, str(tmp_path / "server.pem"))
    async with web_server(reply(b"{}"), tls=tls) as server, new_client() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"https://127.0.0.1:{server.port}/")
    assert (server.connections, server.heads) == (1, [])


async def test_certificates_are_read_once_for_all_clients_and_not_before_somebody_speaks_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority()
    monkeypatch.setenv("SSL_CERT_FILE", str(keep_certificates(authority, tmp_path / "root.pem")))
    read: list[bool] = []
    make = httpx.create_ssl_context

    def counted(*, trust_env: bool) -> ssl.SSLContext:
        read.append(trust_env)
        return make(trust_env=trust_env)

    monkeypatch.setattr(httpx, "create_ssl_context", counted)
    tls = authority.server("127.0.0.1", str(tmp_path / "server.pem"))
    async with new_client() as first, new_client() as second:
        async with web_server(reply(b"{}")) as server:
            await first.get(f"http://127.0.0.1:{server.port}/")
        assert read == []
        async with web_server(reply(b"{}"), tls=tls) as server:
            for client in (first, second):
                await client.get(f"https://127.0.0.1:{server.port}/")
    assert read == [True]
