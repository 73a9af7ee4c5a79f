"""A web server on loopback that says exactly the bytes it was told, good ones and bad ones."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Play = Callable[[trio.abc.Stream], Awaitable[None]]


def reply(
    body: bytes = b"", content_type: str = "application/json", status: int = 200, *headers: str
) -> bytes:
    """A plain answer with its right length."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class WebServer:
    """Answers each connection with `answer`: bytes, or a function that plays on the stream."""

    def __init__(self, answer: bytes | Play) -> None:
        self.answer = answer
        self.port = 0
        self.heads: list[str] = []
        self.names: list[str | None] = []
        """Names that TLS clients asked for."""
        self.connections = 0
        self.gone = trio.Event()
        """Set when a client has closed its connection."""

    async def serve(self, stream: trio.abc.Stream) -> None:
        self.connections += 1
        try:
            async with stream:
                head = await _head(stream)
                if head is None:
                    return
                self.heads.append(head)
                if isinstance(self.answer, bytes):
                    await stream.send_all(self.answer)
                else:
                    await self.answer(stream)
        except trio.BrokenResourceError:
            pass
        finally:
            self.gone.set()


async def _head(stream: trio.abc.Stream) -> str | None:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = await stream.receive_some(65536)
        if not chunk:
            return None
        data += chunk
    return data.decode("latin-1")


async def wait_until_gone(stream: trio.abc.Stream) -> None:
    while await stream.receive_some(65536):
        pass


@asynccontextmanager
async def web_server(
    answer: bytes | Play, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[WebServer]:
    server = WebServer(answer)
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(port, host=host)
        server.port = listeners[0].socket.getsockname()[1]
        if tls is None:
            nursery.start_soon(trio.serve_listeners, server.serve, listeners)
        else:
            tls.sni_callback = lambda _socket, name, _context: server.names.append(name)  # type: ignore
            secure = [trio.SSLListener(listener, tls, https_compatible=True) for listener in listeners]
            nursery.start_soon(trio.serve_listeners, server.serve, secure)
        yield server
        nursery.cancel_scope.cancel()


_SIGNS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        usage = x509.BasicConstraints(ca=True, path_length=None)
        root = self._build(self._name, self._key).add_extension(usage, critical=True)
        self._root = root.add_extension(_SIGNS, critical=True)
        self._pem = self._sign(self._root)

    def client(self) -> ssl.SSLContext:
        """Trusts this authority alone."""
        return ssl.create_default_context(cadata=self._pem)

    def server(self, name: str, path: str) -> ssl.SSLContext:
        """Shows a certificate for `name`, kept at `path`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        try:
            alternative: x509.GeneralName = x509.IPAddress(ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name)
        built = self._build(subject, key).add_extension(
            x509.SubjectAlternativeName([alternative]), critical=False
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with open(path, "w") as file:
            file.write(private.decode() + self._sign(built))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(path)
        return context

    def _build(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )

    def _sign(self, built: x509.CertificateBuilder) -> str:
        signed = built.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode()
