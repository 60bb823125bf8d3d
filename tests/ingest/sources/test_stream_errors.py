"""What FFmpeg's errors become: those too that no server on loopback can cause."""

from __future__ import annotations

import errno

import av.error
import pytest

from ghostpose.errors import CredentialsError, SourceError
from ingest.sources.stream_errors import opening_failed, reading_failed

ADDRESS = "rtsp://10.0.0.5/live"


def raised(code: int) -> Exception:
    """Return what PyAV raises for FFmpeg's error code."""
    with pytest.raises(av.error.FFmpegError) as caught:
        av.error.err_check(-code)
    return caught.value


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EHOSTUNREACH, "its host can't be reached"),
        (errno.ENETUNREACH, "its network can't be reached"),
        (errno.ECONNREFUSED, "nothing listens at this host and port"),
        (errno.ECONNRESET, "the connection was cut"),
        (errno.EIO, "its host's name isn't known, or the connection broke"),
        (errno.ETIMEDOUT, "no stream came within 10 s"),
        (errno.ENOMEM, "it can't be opened: cannot allocate memory"),
    ],
)
def test_what_keeps_a_stream_from_opening_is_one_sentence(code: int, words: str) -> None:
    error = opening_failed("door", ADDRESS, raised(code), took_s=0.1, limit_s=10)
    assert str(error) == f"camera door: {ADDRESS}: {words}"


def test_what_took_as_long_as_it_may_took_too_long_whatever_the_decoder_makes_of_it() -> None:
    error = opening_failed("door", ADDRESS, raised(errno.EINVAL), took_s=10, limit_s=10)
    assert str(error) == f"camera door: {ADDRESS}: no stream came within 10 s"


def test_a_refused_password_is_an_error_of_its_own_since_asking_often_may_lock_the_camera() -> None:
    refused = av.error.HTTPUnauthorizedError(401, "Unauthorized")
    assert isinstance(
        opening_failed("door", ADDRESS, refused, took_s=0.1, limit_s=10), CredentialsError
    )
    other = opening_failed("door", ADDRESS, raised(errno.EPIPE), took_s=0.1, limit_s=10)
    assert isinstance(other, SourceError)
    assert not isinstance(other, CredentialsError)


def test_what_breaks_a_stream_is_said_without_its_password() -> None:
    broken = av.error.OSError(errno.EIO, "I/O error", "rtsp://admin:s3cret@10.0.0.5/live")
    assert reading_failed("door", ADDRESS, broken, 10) == (
        f"camera door: {ADDRESS}: the stream broke: the connection broke"
    )
    silent = reading_failed("door", ADDRESS, raised(errno.ETIMEDOUT), 10)
    assert silent == f"camera door: {ADDRESS}: nothing came for 10 s"
