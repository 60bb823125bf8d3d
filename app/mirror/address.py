"""Where an MQTT broker is: `mqtt://user:password@host:port`, `mqtts://` with TLS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from ghostpose.errors import ConfigError
from ghostpose.passwords import resolved
from ghostpose.redaction import without_password

if TYPE_CHECKING:
    from pathlib import Path

PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """An address taken apart. `ca` is a file of certificates to trust instead of the system's."""

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def broker_address(url: str, ca: Path | None = None) -> BrokerAddress:
    """Take `url` apart, with the passwords that it refers to.

    Raises:
        ConfigError: it is no such address, or the file of certificates isn't there.
        SecretError: what it refers to can't be found.
    """
    parts = urlsplit(resolved("mirror", url))
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme not in PORTS or not host or parts.path.strip("/"):
        raise ConfigError(
            f"mirror: {without_password(url)!r} is no address of an MQTT broker: wanted"
            " mqtt://host or mqtts://host, with user, password and port as need be"
        )
    if ca is not None and not ca.is_file():
        raise ConfigError(f"mirror: the file of certificates {ca} isn't there")
    return BrokerAddress(
        host=host,
        port=port or PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        ca=ca,
    )
