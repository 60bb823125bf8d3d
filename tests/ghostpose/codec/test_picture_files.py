"""Picture files: what they say of their size is read, and believed, before they are decoded."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from contextlib import suppress

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.codec.picture_files import decode_picture_file, picture_file_size
from ghostpose.errors import DecodeError

SUFFIXES = (".png", ".jpg", ".webp", ".bmp", ".tiff")


def encoded(suffix: str, width: int = 37, height: int = 21, *options: int) -> bytes:
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3)).astype(np.uint8)
    done, data = cv2.imencode(suffix, image, options)
    assert done
    return data.tobytes()


def bomb(side: int = 16_000) -> bytes:
    """Return a PNG of one colour: 31 KB that decode to 768 MB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = zlib.compress(bytes((1 + side // 8) * side), 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_says_its_size_and_is_decoded(suffix: str) -> None:
    data = encoded(suffix)
    assert picture_file_size(data) == (37, 21)
    assert decode_picture_file(data).shape == (21, 37, 3)


def test_lossy_and_transparent_webp_say_their_size() -> None:
    assert picture_file_size(encoded(".webp", 37, 21, cv2.IMWRITE_WEBP_QUALITY, 50)) == (37, 21)
    clear = np.zeros((21, 37, 4), np.uint8)
    done, data = cv2.imencode(".webp", clear, [cv2.IMWRITE_WEBP_QUALITY, 50])
    assert done
    assert picture_file_size(data.tobytes()) == (37, 21)


def test_a_big_endian_tiff_and_a_top_down_bmp_say_their_size() -> None:
    entries = b"".join(struct.pack(">HHIHH", tag, 3, 1, n, 0) for tag, n in ((256, 9), (257, 7)))
    tiff = b"MM\0*" + struct.pack(">IH", 8, 2) + entries + bytes(4)
    assert picture_file_size(tiff) == (9, 7)
    bmp = b"BM" + bytes(12) + struct.pack("<Iii", 40, 9, -7)
    assert picture_file_size(bmp) == (9, 7)


@pytest.mark.parametrize(("tag", "kind"), [(256, 3), (257, 4), (256, 16)])
def test_a_tiff_that_gives_its_size_twice_or_strangely_is_refused(tag: int, kind: int) -> None:
    """The one who decodes it might take another size than the one that was looked at."""
    given = ((256, 3, 9), (257, 3, 7), (tag, kind, 9))
    entries = b"".join(struct.pack(">HHIHH", t, k, 1, n, 0) for t, k, n in given)
    tiff = b"MM\0*" + struct.pack(">IH", 8, 3) + entries + bytes(4)
    with pytest.raises(DecodeError, match="gives no one size"):
        picture_file_size(tiff)


def test_a_png_whose_chunk_claims_gigabytes_is_refused_before_it_is_decoded() -> None:
    data = encoded(".png")
    place = data.index(b"IDAT") - 4
    claims = data[:place] + struct.pack(">I", 2**31 - 1) + data[place + 4 :]
    for decode in (picture_file_size, decode_picture_file):
        with pytest.raises(DecodeError, match="its IDAT chunk is cut off"):
            decode(claims)


def test_a_small_file_that_claims_a_gigabyte_is_refused_before_memory_is_taken() -> None:
    """In a process of its own, whose peak of memory is that of this file alone.

    The peak is the kernel's VmHWM: `ru_maxrss` would begin at the size of the process that started
    it, and the whole suite has grown past this bound by then.
    """
    program = (
        "import sys\n"
        "from ghostpose.codec.picture_files import decode_picture_file\n"
        "from ghostpose.errors import DecodeError\n"
        "try: decode_picture_file(sys.stdin.buffer.read())\n"
        "except DecodeError as error: print(error)\n"
        "print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')))\n"
    )
    data = bomb()
    assert len(data) < 50_000
    run = subprocess.run(
        [sys.executable, "-c", program], input=data, capture_output=True, check=True, timeout=60
    )
    sentence, peak_kb = run.stdout.decode().splitlines()
    assert sentence.startswith("it says that it is 16000 x 16000; wanted")
    assert int(peak_kb) < 300_000


def test_other_formats_are_refused() -> None:
    with pytest.raises(DecodeError, match="it is no PNG, JPEG, WebP, BMP or TIFF picture"):
        decode_picture_file(encoded(".ppm"))


@given(
    st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"RIFF1234WEBPVP8X", b"BM", b"II*\0", b""]),
    st.binary(max_size=60),
)
def test_garbage_is_a_decode_error_or_a_size(start: bytes, rest: bytes) -> None:
    try:
        width, height = picture_file_size(start + rest)
    except DecodeError:
        return
    assert isinstance(width, int)
    assert isinstance(height, int)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(data=st.data())
def test_a_cut_off_file_is_a_decode_error_or_a_picture(suffix: str, data: st.DataObject) -> None:
    whole = encoded(suffix)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with suppress(DecodeError):
        assert decode_picture_file(cut).shape == (21, 37, 3)
