"""The audit log: who changed what, when, as a stream on the server that all dashboards share."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from ghostpose.codec.entries import StreamEntry
from ghostpose.errors import GhostposeError
from ghostpose.printable import printable
from ghostpose.redaction import without_password
from ghostpose.server import translated
from ghostpose.topics import AUDIT_KEY

if TYPE_CHECKING:
    from app.dashboard.tokens import Identity
    from ghostpose.bus import Bus

KEPT: Final = 10_000
"""Entries kept, about."""

MAX_TEXT: Final = 2000

_log = logging.getLogger(f"{__name__}.Audit")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that was done. `at`: Unix seconds by the server's clock."""

    at: float
    who: str
    address: str
    what: str
    of: str
    details: str


class Audit:
    """Writes and reads the log."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def note(self, who: Identity, address: str, what: str, of: str, **details: object) -> None:
        """Note that `who` did `what` of (to) something.

        It is done already: what the server can't take now is an error in the process's own log.
        """
        text = without_password(json.dumps(details, default=str, ensure_ascii=False))
        fields = {"who": who.name, "address": address, "what": what, "of": of, "details": text}
        short = {name: value[:MAX_TEXT] for name, value in fields.items()}
        line = printable(f"{who.name} from {address}: {what} {of} {text}")
        try:
            with translated(self._bus.address):
                self._bus.client.xadd(AUDIT_KEY, cast("Any", short), maxlen=KEPT, approximate=True)
        except GhostposeError as error:
            _log.error(
                "the audit log can't be written (%s), and this is not in it: %s", error, line
            )
        else:
            _log.info("%s", line)

    def newest(self, count: int) -> list[AuditEntry]:
        """Return the newest entries, the newest first."""
        with translated(self._bus.address):
            entries: Any = self._bus.client.xrevrange(AUDIT_KEY, count=count)
        return [_entry(StreamEntry(entry_id.decode(), fields)) for entry_id, fields in entries]


def _entry(entry: StreamEntry) -> AuditEntry:
    def text(name: bytes) -> str:
        return printable(entry.fields.get(name, b"").decode("utf-8", "replace"))[:MAX_TEXT]

    words = (text(name) for name in (b"who", b"address", b"what", b"of", b"details"))
    return AuditEntry(entry.at_ms / 1000, *words)
