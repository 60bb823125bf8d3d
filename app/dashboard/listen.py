"""Where the dashboard listens: an address, and whether others than this machine reach it."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from dataclasses import dataclass

from ghostpose.dashboard import DEFAULT_LISTEN
from ghostpose.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Listen:
    """A host and a port to listen at; port 0 is any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Return whether a host, as an address names it, is this machine as only itself sees it."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_listen(text: str) -> Listen:
    """Return the address that `HOST:PORT` names; an IPv6 host stands in brackets.

    Raises:
        ConfigError: it is none.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isdecimal() and len(port) <= 5 and int(port) <= 65_535):
        raise ConfigError(f"dashboard: {text!r} is no HOST:PORT to listen at, as 127.0.0.1:8642")
    return Listen(host, int(port))


def open_listener(listen: Listen) -> socket.socket:
    """Return a socket that listens there.

    Raises:
        ConfigError: it can't, since another program does, or this machine has no such address.
    """
    try:
        family = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((listen.host, listen.port), family=family, backlog=128)
    except OSError as error:
        raise ConfigError(
            f"dashboard: can't listen at {listen}: {error.strerror or error}; give another"
            " HOST:PORT"
        ) from error


def free_listen(wanted: str | None) -> Listen:
    """Return where to listen: `wanted`, else the default, or at a port that is free if it isn't.

    Raises:
        ConfigError: what is wanted is no address.
    """
    if wanted is not None:
        return parse_listen(wanted)
    usual = parse_listen(DEFAULT_LISTEN)
    for port in (usual.port, 0):
        with suppress(OSError), socket.create_server((usual.host, port)) as probe:
            return Listen(usual.host, int(probe.getsockname()[1]))
    return usual
