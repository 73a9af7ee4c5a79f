"""A small OpenID Connect service on loopback: real HTTP, real keys, and lies on demand."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

CLIENT_ID = "chat appliance"
CLIENT_SECRET = "s3cret/with:signs"


@functools.cache
def _rsa_key(name: str) -> rsa.RSAPrivateKey:
    """The same all the time: primes take long to find."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class OidcServer:
    """What it says of whom; tests change `claims` and the rest to make it lie."""

    def __init__(self, url: str) -> None:
        self.issuer = url
        self.rsa = _rsa_key("own")
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.other = _rsa_key("other")
        self.algorithm = "RS256"
        self.signing_key: Any = self.rsa
        self.kid: str | None = "rsa-1"
        self.claims: dict[str, Any] = {"email": "Ann@Example.com", "email_verified": True, "name": "Ann A."}
        self.discovery: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.error = ""
        self.person: dict[str, Any] | None = None
        """What is told at the userinfo endpoint; without it there is none."""
        self.access: dict[str, str] = {}
        self.asked_for_person: list[str] = []

    def document(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            **({} if self.person is None else {"userinfo_endpoint": f"{self.issuer}/userinfo"}),
            **self.discovery,
        }

    def keys(self) -> dict[str, Any]:
        found = []
        for kid, key in (("rsa-1", self.rsa), ("ec-1", self.ec)):
            kind = jwt.algorithms.RSAAlgorithm if kid == "rsa-1" else jwt.algorithms.ECAlgorithm
            public: Any = kind.to_jwk(key.public_key(), as_dict=True)  # type: ignore[attr-defined]
            found.append({**public, "kid": kid, "use": "sig"})
        return {"keys": found}

    def authorize(self, query: dict[str, str]) -> str:
        """The person says yes: where the browser goes."""
        self.asked.append(query)
        if self.error:
            return f"{query['redirect_uri']}?{urlencode({'error': self.error, 'state': query['state']})}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """RFC 6749 4.1.3 and RFC 7636 4.6, as strict as they are."""
        user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if (unquote(user), unquote(password)) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = time.time()
        claims = {
            "iss": self.issuer,
            "sub": "person-1",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": self.kid} if self.kid else {}
        token = jwt.encode(claims, self.signing_key, algorithm=self.algorithm, headers=headers)
        access = secrets.token_urlsafe(16)
        self.access[access] = str(claims.get("sub", ""))
        return 200, {"id_token": token, "access_token": access, "token_type": "Bearer"}

    def userinfo(self, authorization: str) -> tuple[int, dict[str, Any]]:
        """OpenID Connect Core 5.3: of the person whose access token is shown."""
        kind, _, shown = authorization.partition(" ")
        self.asked_for_person.append(shown)
        if kind != "Bearer" or shown not in self.access or self.person is None:
            return 401, {"error": "invalid_token"}
        return 200, {"sub": self.access[shown], **self.person}


def _handler(service: list[OidcServer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            if address.path == "/.well-known/openid-configuration":
                self._answer(200, service[0].document())
            elif address.path == "/keys":
                self._answer(200, service[0].keys())
            elif address.path == "/userinfo":
                self._answer(*service[0].userinfo(self.headers.get("Authorization", "")))
            elif address.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", service[0].authorize(query))
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*service[0].token(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    return Handler


@contextmanager
def oidc_server() -> Iterator[OidcServer]:
    """The service, while the block runs."""
    service: list[OidcServer] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(service)) as http:
        service.append(OidcServer(f"http://127.0.0.1:{http.server_port}"))
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield service[0]
        finally:
            http.shutdown()
            thread.join()
