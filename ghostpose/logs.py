"""Logging as every process of ghostpose sets it up: to stderr, no password, no forged line."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from ghostpose.printable import printable, printable_lines
from ghostpose.redaction import without_password

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"

LogStyle = Literal["text", "json"]
"""`json`: an object a line, for programs that collect logs."""

_NAME: Final = r"([A-Za-z0-9_.-]{1,64})"
_FRAME: Final = re.compile(rf"(?:^|\bframe ){_NAME}/(\d+)/(\d+)\b")
_CAMERA: Final = re.compile(rf"\bcamera {_NAME}:")
_SESSION: Final = re.compile(r"\bsession (\d+)\b")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What a process logs, and how."""

    level: int = logging.WARNING
    style: LogStyle = "text"


class _Safe(logging.Formatter):
    """The last net: hides passwords in whatever is logged, and writes control characters out.

    What begins a line is a record of ours: lines of a trace below it are indented.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = printable(record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(without_password(super().format(record)))


class _Json(logging.Formatter):
    """One object a line. Which camera, session and seq a record is about is read from its words:
    all of ours say `camera hall:` and `frame hall/SESSION/SEQ`.
    """

    def format(self, record: logging.LogRecord) -> str:
        message = printable(without_password(record.getMessage()))
        told: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
            **about(message),
        }
        if record.exc_info:
            told["trace"] = printable_lines(without_password(self.formatException(record.exc_info)))
        return json.dumps(told)


def about(message: str) -> dict[str, object]:
    """Return `camera`, `session` and `seq` that a log message is about, as far as it says."""
    if frame := _FRAME.search(message):
        return {"camera": frame[1], "session": int(frame[2]), "seq": int(frame[3])}
    camera, session = _CAMERA.search(message), _SESSION.search(message)
    told: dict[str, object] = {"camera": camera[1]} if camera else {}
    return told | ({"session": int(session[1])} if session else {})


def log_to_stderr(level: int, style: LogStyle = "text") -> None:
    """Have everything from `level` on written to stderr, by this process from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if style == "json" else _Safe(FORMAT))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def log_settings() -> LogSettings:
    """Return how this process logs, for those that it starts."""
    root = logging.getLogger()
    is_json = any(isinstance(handler.formatter, _Json) for handler in root.handlers)
    return LogSettings(root.getEffectiveLevel(), "json" if is_json else "text")
