"""What is wrong with a stream, in the user's words instead of FFmpeg's."""

from __future__ import annotations

import errno
from typing import Final

import av.error

from ghostpose.errors import CredentialsError, SourceError

_NOT_REACHED: Final = {
    errno.EHOSTUNREACH: "its host can't be reached",
    errno.ENETUNREACH: "its network can't be reached",
    errno.EIO: "the connection broke",
    errno.ECONNRESET: "the connection was cut",
    errno.EPIPE: "the connection was cut",
    errno.EPROTONOSUPPORT: "its protocol isn't supported",
    errno.EACCES: "this user may not open it",
}


def opening_failed(
    camera: str, address: str, error: Exception, *, took_s: float, limit_s: float
) -> SourceError:
    """Return the error for a stream that didn't open; `address` is without its password."""
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return CredentialsError(
            f"camera {camera}: {address} refuses the user and password it was given: correct them"
        )
    # Some of FFmpeg's demuxers say of an interrupted reading that its data is invalid.
    if _timed_out(error) or took_s >= limit_s:
        return SourceError(f"camera {camera}: {address}: no stream came within {limit_s:g} s")
    why = _why_not_opened(error)
    if address.startswith(("https:", "rtsps:")) and _is_io_error(error):
        why += "; or its certificate isn't trusted: install it here, or say tls_verify: false"
    return SourceError(f"camera {camera}: {address}: {why}")


def reading_failed(camera: str, address: str, error: Exception, limit_s: float) -> str:
    """Return the sentence for a stream that broke while it was read."""
    if _timed_out(error):
        return f"camera {camera}: {address}: nothing came for {limit_s:g} s"
    return f"camera {camera}: {address}: the stream broke: {_words(error)}"


def _why_not_opened(error: Exception) -> str:
    if isinstance(error, av.error.HTTPNotFoundError):
        return "there is nothing at this path: correct it"
    if isinstance(error, av.error.HTTPError):
        return f"the camera answers with an error: {_words(error)}"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens at this host and port"
    if _is_io_error(error):
        return "its host's name isn't known, or the connection broke"
    if isinstance(error, av.error.InvalidDataError):
        return "what answers there sends no video stream"
    if isinstance(error, EOFError):
        return "the connection was closed before a stream came"
    words = _words(error)
    return words if words in _NOT_REACHED.values() else f"it can't be opened: {words}"


def _is_io_error(error: Exception) -> bool:
    return isinstance(error, av.error.FFmpegError) and error.errno == errno.EIO


def _timed_out(error: Exception) -> bool:
    return isinstance(error, TimeoutError | av.error.ExitError)


def _words(error: Exception) -> str:
    """Return FFmpeg's reason without the address in it, which may hold a password."""
    if not isinstance(error, av.error.FFmpegError):
        return type(error).__name__
    return _NOT_REACHED.get(error.errno or 0, (error.strerror or type(error).__name__).lower())
