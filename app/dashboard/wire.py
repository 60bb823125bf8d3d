"""A picture with its poses as bytes for the browser: both as they came, nothing coded anew.

Layout, little-endian: the length of what follows as uint32, a JSON object that describes the
picture; the length as uint32, the pose message's JSON (none: length 0); the JPEG.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.dashboard.pairing import Shown

_LENGTH = struct.Struct("<I")


def picture_message(shown: Shown, now_ms: float) -> bytes:
    """Return a picture with its poses; `now_ms` by the server tells how far behind it is."""
    preview, place = shown.preview, shown.preview.placement
    about = {
        "camera": preview.camera,
        "session": preview.session,
        "seq": preview.seq,
        "width": preview.width,
        "height": preview.height,
        "source": [preview.source_width, preview.source_height],
        "placement": [place.scale_x, place.scale_y, place.left, place.top],
        "privacy": preview.privacy,
        "behind_ms": None
        if shown.pose is None
        else max(0, round(now_ms) - shown.pose.published_ms),
    }
    head = json.dumps(about, separators=(",", ":")).encode()
    pose = b"" if shown.pose is None else shown.pose.json
    return b"".join((_LENGTH.pack(len(head)), head, _LENGTH.pack(len(pose)), pose, preview.jpeg))
