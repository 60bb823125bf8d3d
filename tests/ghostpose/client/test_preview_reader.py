"""Reading the previews of many cameras at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import samples

from ghostpose.bus.previews import publish_preview
from ghostpose.client import PreviewReader

if TYPE_CHECKING:
    from ghostpose.bus import Bus


def test_many_are_read_at_once_and_said_to_be_wanted(bus: Bus) -> None:
    for camera in ("door", "hall", "yard"):
        bus.register_camera(camera, policy="latest", credit=1)
    door, hall = samples.preview("door", 3), samples.preview("hall", 4)
    publish_preview(bus, door)
    publish_preview(bus, hall)
    with PreviewReader(bus.client) as reader:
        found = reader.read_many(["door", "hall", "yard", "nowhere"])
    assert found == {"door": door, "hall": hall}
    for camera in ("door", "hall", "yard"):
        assert bus.client.exists(bus.keys.preview(camera) + ":wanted")


def test_what_is_no_preview_is_passed_over_and_the_others_are_read(bus: Bus) -> None:
    for camera in ("door", "hall"):
        bus.register_camera(camera, policy="latest", credit=1)
    publish_preview(bus, samples.preview("hall"))
    bus.client.set(bus.keys.preview("door"), b"no preview")
    with PreviewReader(bus.client) as reader:
        assert reader.read_many(["door", "hall"]).keys() == {"hall"}
