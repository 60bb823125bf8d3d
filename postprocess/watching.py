"""What one camera is watched for while its frames are committed: rules read anew, memories kept."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from ghostpose.errors import DecodeError
from ghostpose.rules import Rules
from postprocess.events import Memories, decode_memories, encode_memories, rules_of, watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ghostpose.types import EventMessage, PoseMessage
    from postprocess.events.rule import Rule

READ_AGAIN_S: Final = 3.0
"""How soon a change of rules takes effect."""

_log = logging.getLogger("postprocess.Watching")


class Watching:
    """A camera's rules and what they remember. `read` gives the rules as JSON, b"" for none."""

    def __init__(self, camera: str, read: Callable[[], bytes]) -> None:
        self._camera, self._read = camera, read
        self._memories = Memories()
        self._json = b""
        self._rules: Mapping[str, Rule] = {}
        self._read_at_s = -math.inf

    def load(self, memories: bytes) -> None:
        """Go back to what was remembered at a commit; if that is damaged, to nothing."""
        try:
            self._memories = decode_memories(memories)
        except DecodeError as error:
            _log.error("camera %s: rules begin anew, since %s", self._camera, error)
            self._memories = Memories()

    def state(self) -> bytes:
        """Return what is remembered, for the next commit."""
        return encode_memories(self._memories)

    def judge(self, pose: PoseMessage) -> tuple[EventMessage, ...]:
        """Return what happened in a frame. A rule that fails costs events, never the poses."""
        self._read_rules_if_due()
        if not self._rules:
            self._memories = Memories()
            return ()
        try:
            events, self._memories = watch(self._rules, pose, self._memories)
        except Exception:
            _log.exception(
                "frame %s/%d/%d has no events: a rule fails on it; all rules begin anew",
                pose.camera, pose.session, pose.seq,
            )  # fmt: skip
            self._memories = Memories()
            return ()
        return events

    def _read_rules_if_due(self) -> None:
        now_s = time.monotonic()
        if now_s - self._read_at_s < READ_AGAIN_S:
            return
        self._read_at_s = now_s
        json = self._read()
        if json == self._json:
            return
        self._json = json
        try:
            self._rules = rules_of(Rules.model_validate_json(json)) if json else {}
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]["msg"]
            _log.error("camera %s: is watched for nothing: its rules say: %s", self._camera, first)
            self._rules = {}
