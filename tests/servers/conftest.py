"""Every kind of server that a deployment may meet at."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from bus_servers import RealServer, Watched, cluster, debians_redis, valkey

from ghostpose.bus import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KINDS = (
    "embedded Valkey",
    "Redis without persistence",
    "Redis, AOF everysec",
    "Valkey, AOF always",
    "behind a sentinel",
    "cluster of three",
    "TLS",
)

ALWAYS = {"appendonly": "yes", "appendfsync": "always"}
EVERYSEC = {"appendonly": "yes", "appendfsync": "everysec"}


@pytest.fixture(scope="module", params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a running server of each kind."""
    with ExitStack() as stack:
        yield _start(request.param, tmp_path_factory.mktemp("server"), stack)


def _start(kind: str, folder: Path, stack: ExitStack) -> str:
    if kind == "embedded Valkey":
        return stack.enter_context(EmbeddedServer(maxmemory_mb=128)).url
    if kind == "behind a sentinel":
        return Watched(folder, stack).url
    if kind == "cluster of three":
        return stack.enter_context(cluster(folder))[0].url
    if kind == "TLS":
        return _encrypted(folder, stack)
    if kind == "Valkey, AOF always":
        server = RealServer(valkey(), folder, ALWAYS)
    else:
        server = RealServer(debians_redis(), folder, EVERYSEC if "AOF" in kind else {})
    return stack.enter_context(server).url


def _encrypted(folder: Path, stack: ExitStack) -> str:
    """Start a server that takes nothing but TLS, by a certificate made for it."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    tls = {"tls-cert-file": certificate, "tls-key-file": key, "tls-ca-cert-file": certificate}
    server = RealServer(debians_redis(), folder, tls | {"tls-auth-clients": "no"})
    server.only_tls(certificate)
    return stack.enter_context(server).url
