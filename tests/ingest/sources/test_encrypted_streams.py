"""Cameras that encrypt, with certificates that they made themselves."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from camera_servers import HttpServer, file_route

from ghostpose.errors import SourceError
from ingest.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ghostpose.config import CameraConfig

    MakeCamera = Callable[..., CameraConfig]

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="there is no openssl to make a certificate with"
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "camera.pem"
    what = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=camera"
    command = f"openssl {what} -addext subjectAltName=IP:127.0.0.1 -keyout {path} -out {path}.cert"
    subprocess.run(command.split(), check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + path.with_name(f"{path.name}.cert").read_bytes())
    return path


@pytest.fixture
def server(certificate: Path, make_video: Callable[..., Path]) -> Iterator[HttpServer]:
    jpeg = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    routes = {
        "/clip.mp4": file_route(make_video("clip.mp4"), "video/mp4"),
        "/now.jpg": lambda _: (200, {}, jpeg),
    }
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HttpServer(routes, context) as running:
        yield running


@pytest.mark.parametrize("source", ["{}/clip.mp4", "snapshot:{}/now.jpg"])
def test_a_certificate_that_nobody_here_trusts_is_refused_unless_told_otherwise(
    source: str,
    server: HttpServer,
    camera: MakeCamera,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = source.format(server.url)
    with pytest.raises(SourceError, match=r"certificate isn't trusted: install it .* tls_verify"):
        open_source(camera(address))
    open_source(camera(address, tls_verify=False)).close()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    open_source(camera(address)).close()


@pytest.mark.parametrize("verify", [True, False])
def test_rtsps_is_refused_before_anything_is_said(
    verify: bool, server: HttpServer, camera: MakeCamera
) -> None:
    """The server speaks HTTP, so that RTSP gets no further than being encrypted."""
    address = server.url.replace("https://", "rtsps://")
    with pytest.raises(SourceError) as caught:
        open_source(camera(f"{address}/live", tls_verify=verify))
    assert ("certificate isn't trusted" in str(caught.value)) is verify
