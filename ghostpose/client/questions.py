"""What readers ask a server, each question a talk: cameras, where streams end, what is new."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from ghostpose.client.batches import batches_of
from ghostpose.client.records import Cursor
from ghostpose.client.talks import Pause
from ghostpose.codec.messages import check_deployment
from ghostpose.codec.preview import decode_preview
from ghostpose.codec.registry import decode_cameras
from ghostpose.errors import DecodeError
from ghostpose.server import CLUSTER_POLL_S, MAX_BLOCK_S
from ghostpose.topics import CAMERAS_KEY, META_KEY, WANTED_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ghostpose.client.batches import Batch
    from ghostpose.client.talks import Ask, Talk
    from ghostpose.codec.preview import Preview
    from ghostpose.codec.registry import CameraEntry

WANTED_S: Final = 5.0
"""For so long after a reading of a preview ingest goes on making them."""

_log = logging.getLogger("ghostpose.client.Questions")


def deployment(address: str) -> Talk[None]:
    """Check that the deployment speaks our protocol; there may be none yet.

    Raises:
        ProtocolVersionError: it speaks another major version.
    """
    protocol = yield lambda client: client.hget(META_KEY, "protocol")
    if protocol is not None:  # a reader may come before the deployment is created
        check_deployment(address, protocol)


def cameras() -> Talk[dict[str, CameraEntry]]:
    """Return every registered camera."""
    rows = yield lambda client: client.hgetall(CAMERAS_KEY)
    return decode_cameras(rows)


def camera(name: str) -> Talk[CameraEntry | None]:
    """Return one camera's row, None if there is no such camera."""
    row = yield lambda client: client.hget(CAMERAS_KEY, name)
    return None if row is None else decode_cameras({name.encode(): row}).get(name)


def preview(entry: CameraEntry) -> Talk[Preview | None]:
    """Return a camera's preview, and say for `WANTED_S` that it is wanted."""
    _, value = yield lambda client: _want_and_get(client, [entry.preview_key])
    return None if value is None else decode_preview(value)


def previews(entries: Mapping[str, CameraEntry]) -> Talk[dict[str, Preview]]:
    """Return the previews of several cameras in one round trip, and say that they are wanted.

    What is there and is no preview is logged and passed over.
    """
    keys = [entry.preview_key for entry in entries.values()]
    values = (yield lambda client: _want_and_get(client, keys))[1::2]
    found = {}
    for name, value in zip(entries, values, strict=True):
        try:
            if value is not None:
                found[name] = decode_preview(value)
        except DecodeError as error:
            _log.warning("the preview of %s is passed over: %s", name, error)
    return found


def _want_and_get(client: Any, keys: Sequence[str]) -> Any:
    steps = client.pipeline(transaction=False)
    for key in keys:
        steps.set(key + WANTED_SUFFIX, "1", px=round(WANTED_S * 1000))
        steps.get(key)
    return steps.execute()


def last_ids(entry: CameraEntry) -> Talk[Cursor]:
    """Return where a camera's streams end now."""
    ends = []
    for key in streams_of(entry):
        last = yield _last_of(key)
        ends.append(last[0][0].decode() if last else "0-0")
    return Cursor(*ends)


def news(
    known: Mapping[str, CameraEntry],
    ask: Callable[[Mapping[str, CameraEntry], int | None], Ask],
    block_s: float,
    *,
    is_cluster: bool,
) -> Talk[list[Batch]]:
    """Return what is new of these cameras; wait up to `block_s` for the first.

    `ask` makes the question for some of them, to be answered within so many ms; None: at once.
    """
    block_s = min(block_s, MAX_BLOCK_S)
    if not known:
        yield Pause(block_s)
        return []
    if not is_cluster:
        # Zero milliseconds would wait for ever.
        return batches_of((yield ask(known, round(block_s * 1000) or None)), known)
    batches: list[Batch] = []
    # A camera's two streams are in one slot, those of two cameras may not be.
    for one in ({name: entry} for name, entry in known.items()):
        batches += batches_of((yield ask(one, None)), one)
    if not batches:
        yield Pause(min(block_s, CLUSTER_POLL_S))
    return batches


def streams_of(entry: CameraEntry) -> tuple[str, str]:
    """Return the keys of a camera's streams."""
    return entry.poses_key, entry.events_key


def _last_of(stream: str) -> Ask:
    return lambda client: client.xrevrange(stream, count=1)
