"""Pictures fetched one by one from an address that always gives the newest: JPEG over HTTP(S)."""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from ghostpose.codec.picture_files import decode_picture_file
from ghostpose.errors import CredentialsError, DecodeError, SourceError
from ghostpose.redaction import without_password
from ingest.sources.image_folder import StillPicture
from ingest.sources.protocol import Item, NothingYet, Repeated, SourceInfo, Undecodable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghostpose.config import CameraConfig

DEFAULT_FPS: Final = 1.0
"""How often a picture is fetched if the camera's `fps` doesn't say it."""

MAX_BYTES: Final = 64 * 2**20
"""No picture file is larger."""

FETCH_S: Final = 5.0
"""How long one picture may take from asking to its last byte."""

_NAP_S: Final = 0.5
"""Between two pictures it can be stopped so soon."""

_CHUNK_BYTES: Final = 2**18
_REFUSED: Final = (401, 403)


class Snapshots:
    """Fetches a picture `camera.fps` times a second; its media time is when it had come.

    A picture that can't be fetched or decoded is one that is damaged; if that goes on, the watchdog
    opens the source again.

    Raises:
        CredentialsError: it wants another user or password.
        SourceError: the first picture can't be fetched or decoded.
    """

    def __init__(self, camera: CameraConfig, url: str) -> None:
        self.ended_early: str | None = None
        self._camera, self._address = camera, without_password(url)
        self._interval_s = 1.0 / (camera.fps or DEFAULT_FPS)
        self._url, self._opener = _opener_for(url, verify=camera.tls_verify)
        self._opened_s = time.monotonic()
        self._last_body: bytes | None = None
        first = self._fetch()
        if not isinstance(first, StillPicture):
            reason = first.reason if isinstance(first, Undecodable) else ""
            raise SourceError(f"camera {camera.name}: {self._address}: {reason}")
        self._first: StillPicture | None = first
        self.info = SourceInfo(
            description=f"snapshots {first.width}x{first.height} at {1 / self._interval_s:.3g}/s",
            width=first.width,
            height=first.height,
            nominal_fps=1.0 / self._interval_s,
            live=True,
        )

    def pictures(self) -> Iterator[Item]:
        """See `Source.pictures`."""
        if self._first is not None:
            yield self._first
            self._first = None
        due_s = time.monotonic()
        while True:
            due_s = max(due_s + self._interval_s, time.monotonic())
            while (wait_s := due_s - time.monotonic()) > 0:
                time.sleep(min(wait_s, _NAP_S))
                yield NothingYet()
            yield self._fetch()

    def _fetch(self) -> Item:
        try:
            body = self._body()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _REFUSED:
                raise CredentialsError(
                    f"camera {self._camera.name}: {self._address} refuses the user and password it"
                    " was given: correct them"
                ) from None
            return Undecodable(_answer(error.code))
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Undecodable(_unreachable(error))
        if body == self._last_body:
            return Repeated()
        self._last_body = body
        try:
            image_hw3 = decode_picture_file(body)
        except DecodeError as error:
            return Undecodable(f"what it sends is no picture ({error})")
        return StillPicture(time.monotonic() - self._opened_s, image_hw3)

    def _body(self) -> bytes:
        """Fetch the picture's bytes within `FETCH_S`, however slowly they trickle."""
        until_s = time.monotonic() + FETCH_S
        chunks, size = [], 0
        with self._opener.open(self._url, timeout=FETCH_S) as response:
            while chunk := response.read1(_CHUNK_BYTES):
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_BYTES:
                    raise ValueError(f"it sends more than {MAX_BYTES} bytes")
                if time.monotonic() > until_s:
                    raise TimeoutError
        return b"".join(chunks)

    def close(self) -> None:
        """Nothing is open between two pictures."""


def _opener_for(url: str, *, verify: bool) -> tuple[str, urllib.request.OpenerDirector]:
    """Return the address without its user, and what opens it: HTTP(S) only, no proxies."""
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if parts.username is not None:
        user, password = unquote(parts.username), unquote(parts.password or "")
        passwords.add_password(None, bare, user, password)
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDigestAuthHandler(passwords),
        urllib.request.HTTPBasicAuthHandler(passwords),
    ):
        opener.add_handler(handler)
    return bare, opener


def _answer(code: int) -> str:
    if code == http.client.NOT_FOUND:
        return "there is nothing at this path: correct it"
    return f"the camera answers with an error: {code}"


def _unreachable(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ConnectionRefusedError):
        return "nothing listens at this host and port"
    if isinstance(cause, TimeoutError):
        return f"no picture came within {FETCH_S:g} s"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "its certificate isn't trusted: install it on this machine, or say tls_verify: false"
    if isinstance(cause, http.client.HTTPException):
        return "what answers there speaks no HTTP, or broke off"
    text = cause.strerror if isinstance(cause, OSError) else None
    return f"it can't be reached: {(text or str(cause) or type(cause).__name__).lower()}"
