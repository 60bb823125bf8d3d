"""Every error ghostpose raises on purpose, as one tree.

An error's text is one sentence for the user: who, what was wanted, what came, what to do.
`exit_code` is what the command line returns: 2 is the user's mistake, 1 is ours or the machine's.
"""

from __future__ import annotations

from ghostpose.printable import printable
from ghostpose.redaction import without_password


class GhostposeError(Exception):
    """Root of the tree: catch this to catch everything ghostpose raises on purpose.

    Passwords of addresses in its text are hidden, since it ends in logs, tables and terminals.
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(without_password(message))


class UserError(GhostposeError):
    """Something the user gave can't be used: a file, a name, an option, an address."""

    exit_code = 2


class ConfigError(UserError):
    """A configuration file or option is wrong; the text names the path and the key."""


class SourceError(UserError):
    """A camera or recording can't be opened or decoded; the text names it."""


class CredentialsError(SourceError):
    """A camera refuses the user and password it was given: asking often may lock it."""


class SecretError(UserError):
    """A password that an address refers to can't be had; the text says whose and where."""


class RegistryError(UserError):
    """A camera of the registry was asked for or added that is not there, or is there already."""


class RegistryConflictError(RegistryError):
    """Somebody else changed the camera since it was read."""


class WeightsError(UserError):
    """A weights or network file is missing, damaged, or belongs to another network."""


class EngineError(UserError):
    """An inference engine or device was asked for that this machine doesn't have."""


class EngineBrokenError(GhostposeError):
    """An inference engine that worked, or should, fails on every picture now."""


class BusUnavailableError(UserError):
    """No Redis answers at the address."""


class StoreError(UserError):
    """The database can't be used: its address, its driver, or a schema of another version."""


class JobError(UserError):
    """A job is not there or not in a state for what was asked, or no queue can be where it is."""


class DiskError(GhostposeError):
    """A file can't be written any further: its disk is full, or fails."""


class PackageError(UserError):
    """A package that was not needed until now isn't installed; the text names it."""


class DataError(UserError):
    """Training or evaluation data can't be used."""


class InvalidValueError(GhostposeError, ValueError):
    """A value broke a rule of the type it was put into (wrong shape, range or name)."""


class DecodeError(GhostposeError):
    """Bytes from outside are no message of ours. Keeps the raw data and the cause.

    `raw` is cut to `RAW_KEPT` bytes so that an error never holds a whole picture; the text is
    fit to be printed, whatever of the data it quotes.
    """

    RAW_KEPT = 256

    def __init__(self, message: str, raw: bytes = b"") -> None:
        super().__init__(printable(message))
        self.raw = bytes(raw[: self.RAW_KEPT])


class ProtocolVersionError(DecodeError):
    """A message or a deployment speaks another major version of the protocol."""


class BusError(GhostposeError):
    """Redis answered, but not with what the protocol promises."""


class BusFullError(BusError):
    """Redis is at `maxmemory`: back-pressure, never a reason to crash."""


class StaleSessionError(BusError):
    """A newer session of this camera exists; whoever gets this must stop publishing."""


class LeaseLostError(BusError):
    """Another worker holds this partition now; whoever gets this must drop its state."""


class SessionLostError(BusError):
    """The server doesn't know this session: it lost its memory. Register and open a new one."""
