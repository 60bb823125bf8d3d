"""The registry's cameras with what each does: for people as a table, for programs as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich import box
from rich.table import Table

from ghostpose.bus import Bus, Registry
from ghostpose.bus.camera_leases import read_camera_leases
from ghostpose.bus.camera_states import read_camera_states
from ghostpose.codec.camera_state import encode_camera_state
from ghostpose.config import DEFAULT_REDIS_URL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.bus import CameraLease, Registered, RegisteredCamera
    from ghostpose.codec.camera_state import CameraState

NOT_PLAYED: Final = "not played"
"""No ingest has the camera now: none runs with `--registry`, or none may play it."""

COLUMNS: Final = ("status", "for", "host", "source", "read", "published", "skipped", "reconnects")


@dataclass(frozen=True, slots=True)
class ListedCamera:
    """A camera of the registry. `state` is its process's word, None if none has spoken.

    `lease` is that of the ingest that plays it, None if nobody does; `now_s` is the server's clock.
    """

    row: RegisteredCamera
    state: CameraState | None
    lease: CameraLease | None
    has_ended: bool
    now_s: float

    @property
    def name(self) -> str:
        """The camera's name."""
        return self.row.settings.name

    @property
    def status(self) -> str:
        """What it does: `paused`, `ended`, `not played`, or what its process says."""
        if self.row.settings.paused:
            return "paused"
        if self.has_ended:
            return "ended"
        if self.lease is None:
            return NOT_PLAYED
        state = self.state
        if state is None or state.status == "ended" or state.is_gone(self.now_s):
            return "opening"  # its process is about to speak
        return state.status

    @property
    def problem(self) -> str | None:
        """The last thing that went wrong, one sentence, None if nothing did."""
        return None if self.state is None else self.state.problem

    def as_json(self) -> dict[str, object]:
        """Return all that is known of it, without its password."""
        return {
            "name": self.name,
            "status": self.status,
            "revision": self.row.revision,
            "settings": self.row.settings.model_dump(mode="json"),
            "played_by": None if self.lease is None else self.lease.owner,
            "cost": None if self.lease is None else self.lease.cost,
            "state": None if self.state is None else json.loads(encode_camera_state(self.state)),
        }


def read_cameras(url: str | None) -> list[ListedCamera]:
    """Return all cameras of the registry of the deployment at `url`, by name."""
    with Bus.connect(url or DEFAULT_REDIS_URL) as bus:
        return list_cameras(bus)


def list_cameras(bus: Bus) -> list[ListedCamera]:
    """Return all cameras of a deployment's registry, by name."""
    registered = Registry(bus).read()
    states, leases = read_camera_states(bus), read_camera_leases(bus)
    now_ms = bus.server_time_ms()
    held = {name: lease for name, lease in leases.items() if lease.until_ms > now_ms}
    return [
        _listed(registered, name, states.get(name), held.get(name), now_ms / 1000)
        for name in registered.cameras
    ]


def _listed(
    registered: Registered,
    name: str,
    state: CameraState | None,
    lease: CameraLease | None,
    now_s: float,
) -> ListedCamera:
    row = registered.cameras[name]
    return ListedCamera(row, state, lease, registered.has_ended(name), now_s)


def camera_table(cameras: Sequence[ListedCamera]) -> Table:
    """Return a row for each camera."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("camera", no_wrap=True)
    for column in COLUMNS:
        counts = column in ("read", "published", "skipped", "reconnects")
        table.add_column(column, justify="right" if counts else "left", no_wrap=counts)
    for camera in cameras:
        table.add_row(camera.name, *_cells(camera))
    return table


def _cells(camera: ListedCamera) -> tuple[str, ...]:
    state = camera.state
    if state is None:
        return (camera.status, "", "", camera.row.settings.source, "", "", "", "")
    counts = state.counts
    return (
        camera.status,
        _duration(camera.now_s - state.since) if camera.status == state.status else "",
        state.host if camera.lease else "",
        state.source or camera.row.settings.source,
        str(counts.read),
        str(counts.published),
        str(sum(counts.skipped.values())),
        str(counts.reconnects),
    )


def _duration(seconds: float) -> str:
    """Return `12 s`, `5 min`, `3 h`, `2 d`: as much as matters."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
