"""People drawn into pictures, and many pictures laid out as one sheet.

Shape legend: h, w rows and columns; images are uint8 BGR (h, w, 3). Coordinates follow
`ghostpose.types`: integers are pixel centres.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from ghostpose.errors import InvalidValueError
from ghostpose.skeleton import LIMBS, TREE_LIMBS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.types import ByteArray, FloatArray, Person

Colour = tuple[int, int, int]
"""Blue, green, red, each 0..255."""

_OUTLINE: Final[Colour] = (20, 20, 20)
"""Drawn under every line and letter, so that they stand out on any background."""

_SHEET: Final[Colour] = (32, 32, 32)
_WHITE: Final[Colour] = (255, 255, 255)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_FRACTION_BITS: Final = 4
"""OpenCV draws at sixteenths of a pixel when told so."""

_PIXELS_A_UNIT: Final = 500
"""Lines are a pixel thicker for each so many pixels of the picture's longer side."""

_GOLDEN_TURN: Final = 0.381966
"""Hues this far apart (in turns) stay distinct however many there are."""


def draw_people(
    image_hw3: ByteArray, people: Sequence[Person], *, labels: bool = True
) -> ByteArray:
    """Return a copy of the picture with everybody's skeleton; the strongest person on top.

    A person with a track has the track's colour all over, the same in every picture; one without
    has a colour a limb. `labels` writes the track, or the score if there is none, above each.
    """
    canvas_hw3 = np.ascontiguousarray(image_hw3).copy()
    unit = _line_unit(canvas_hw3)
    for person in sorted(people, key=lambda person: person.score):
        _draw_skeleton(canvas_hw3, person, min(unit, _largest_unit(person)))
    if labels:
        for person in people:
            _draw_label(canvas_hw3, person, unit)
    return canvas_hw3


def contact_sheet(
    images: Sequence[ByteArray],
    *,
    columns: int,
    captions: Sequence[str] = (),
    cell_width: int = 480,
) -> ByteArray:
    """Return the pictures side by side, `columns` a row, each with its caption below it.

    Each is resized to fit a cell of `cell_width` pixels and the first picture's aspect ratio.

    Raises:
        InvalidValueError: no picture, no column, or captions for some of the pictures only.
    """
    if not images or columns < 1 or cell_width < 1:
        raise InvalidValueError(
            f"contact sheet: wanted pictures, columns and a cell width, got {len(images)},"
            f" {columns} and {cell_width}"
        )
    if captions and len(captions) != len(images):
        raise InvalidValueError(
            f"contact sheet: {len(captions)} captions for {len(images)} pictures"
        )
    height, width = images[0].shape[:2]
    cell_height = max(1, round(cell_width * height / width))
    cells = [
        _cell(image, cell_width, cell_height, caption)
        for image, caption in zip(images, captions or [""] * len(images), strict=True)
    ]
    columns = min(columns, len(cells))
    cells += [np.full_like(cells[0], _SHEET)] * (-len(cells) % columns)
    rows = [np.hstack(cells[at : at + columns]) for at in range(0, len(cells), columns)]
    return np.vstack(rows)


def track_colour(track: str) -> Colour:
    """Return a track's colour; tracks numbered one after the other get unlike hues."""
    camera, _, number = track.rpartition("-")
    turns = zlib.crc32(camera.encode()) / 2**32
    turns += (
        int(number) * _GOLDEN_TURN if number.isdecimal() else zlib.crc32(track.encode()) / 2**32
    )
    return _vivid(turns % 1)


def _vivid(hue_turns: float) -> Colour:
    """Return a bright colour of a hue in turns (0 red, 1/3 green, 2/3 blue)."""
    hsv = np.array([[[round(hue_turns * 180) % 180, 210, 255]]], np.uint8)
    blue, green, red = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0].tolist()
    return blue, green, red


_LIMB_COLOURS: Final = tuple(_vivid(place / len(LIMBS)) for place in range(len(LIMBS)))


def _line_unit(image_hw3: ByteArray) -> int:
    height, width = image_hw3.shape[:2]
    longest: int = max(height, width)
    return max(1, round(longest / _PIXELS_A_UNIT))


def _largest_unit(person: Person) -> int:
    """A small person in a large picture is not to vanish under its own lines."""
    return max(1, round(max(person.box[2:]) / 40))


def _fixed_point(xy_2: FloatArray) -> tuple[int, int]:
    x, y = (xy_2 * (1 << _FRACTION_BITS)).round().astype(int).tolist()
    return x, y


def _draw_skeleton(canvas_hw3: ByteArray, person: Person, unit: int) -> None:
    points_k3 = person.keypoints_k3
    own = track_colour(person.track) if person.track is not None else None
    limbs = [
        (_fixed_point(points_k3[limb.start, :2]), _fixed_point(points_k3[limb.end, :2]), colour)
        for limb, colour in zip(LIMBS[: len(TREE_LIMBS)], _LIMB_COLOURS, strict=False)
        if points_k3[limb.start, 2] > 0 and points_k3[limb.end, 2] > 0
    ]
    for start, end, _ in limbs:
        cv2.line(canvas_hw3, start, end, _OUTLINE, unit + 2, cv2.LINE_AA, _FRACTION_BITS)
    for start, end, colour in limbs:
        cv2.line(canvas_hw3, start, end, own or colour, unit, cv2.LINE_AA, _FRACTION_BITS)
    for point_3 in points_k3[points_k3[:, 2] > 0]:
        centre, radius = _fixed_point(point_3[:2]), 12 * unit  # three quarters of a line
        outline = radius + (1 << _FRACTION_BITS)
        cv2.circle(canvas_hw3, centre, outline, _OUTLINE, -1, cv2.LINE_AA, _FRACTION_BITS)
        cv2.circle(canvas_hw3, centre, radius, own or _WHITE, -1, cv2.LINE_AA, _FRACTION_BITS)


def _draw_label(canvas_hw3: ByteArray, person: Person, unit: int) -> None:
    text = person.track if person.track is not None else f"{person.score:.2f}"
    colour = track_colour(person.track) if person.track is not None else _WHITE
    scale = 0.25 + 0.1 * unit
    (text_w, text_h), _ = cv2.getTextSize(text, _FONT, scale, unit)
    left, top, width, _ = person.box
    x = round(left + width / 2 - text_w / 2)
    x = max(0, min(x, canvas_hw3.shape[1] - text_w))
    y = max(text_h + 1, round(top) - 3 * unit)
    _write(canvas_hw3, text, (x, y), scale, colour, unit)


def _write(
    canvas_hw3: ByteArray, text: str, at: tuple[int, int], scale: float, colour: Colour, unit: int
) -> None:
    cv2.putText(canvas_hw3, text, at, _FONT, scale, _OUTLINE, unit + 2, cv2.LINE_AA)
    cv2.putText(canvas_hw3, text, at, _FONT, scale, colour, unit, cv2.LINE_AA)


def _cell(image_hw3: ByteArray, width: int, height: int, caption: str) -> ByteArray:
    """Return the picture centred in a cell, with a strip for the caption if there is one."""
    source_h, source_w = image_hw3.shape[:2]
    scale = min(width / source_w, height / source_h)
    fitted_w, fitted_h = max(1, round(source_w * scale)), max(1, round(source_h * scale))
    fitted_hw3 = cv2.resize(image_hw3, (fitted_w, fitted_h), interpolation=cv2.INTER_AREA)
    strip = max(14, width // 16)
    cell_hw3 = np.full((height + strip, width, 3), _SHEET, np.uint8)
    top, left = (height - fitted_h) // 2, (width - fitted_w) // 2
    cell_hw3[top : top + fitted_h, left : left + fitted_w] = fitted_hw3
    scale = strip / 36
    text_w = cv2.getTextSize(caption, _FONT, scale, 1)[0][0]
    scale *= min(1.0, (width - 8) / max(text_w, 1))
    cv2.putText(
        cell_hw3, caption, (4, height + strip * 7 // 10), _FONT, scale, _WHITE, 1, cv2.LINE_AA
    )
    return cell_hw3
