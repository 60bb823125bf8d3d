"""A real broker for tests, mosquitto, a mirror to it, and somebody who listens."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
from functools import partial
from typing import TYPE_CHECKING, Self

import paho.mqtt.client as mqtt
import waiting
from bus_servers import free_ports
from paho.mqtt.enums import CallbackAPIVersion

from app.mirror.address import broker_address
from app.mirror.loop import run_mirror
from ghostpose.config import MirrorConfig

if TYPE_CHECKING:
    from pathlib import Path

    from ghostpose.bus import EmbeddedServer

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


wait_until = partial(waiting.wait_until, limit_s=60.0)


class Mosquitto:
    """A broker on a port of its own. `lines` are added to its configuration."""

    def __init__(self, folder: Path, *lines: str) -> None:
        (self.port,) = free_ports(1)
        self._config = folder / f"mosquitto-{self.port}.conf"
        wanted = "false" if any("password_file" in line for line in lines) else "true"
        words = (
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {wanted}",
            "persistence false",
            "user root",  # started by root it would become another, who can't read the test's files
            *lines,
        )
        self._config.write_text("\n".join(words) + "\n", encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert MOSQUITTO is not None
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._config)], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(self._answers, "the broker's start")

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Mirroring(threading.Thread):
    """A mirror to `url` until `stop` is set."""

    def __init__(self, server: EmbeddedServer, url: str, **settings: object) -> None:
        config = MirrorConfig.model_validate({"url": url, **settings})
        self.stop = threading.Event()
        arguments = (server.url, broker_address(url, config.ca), config, self.stop)
        super().__init__(target=run_mirror, args=arguments, daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.join(60)
        assert not self.is_alive()


class Listener:
    """Subscribes to everything; keeps what came, in order, by topic."""

    def __init__(self, port: int, user: str | None = None, password: str | None = None) -> None:
        self.messages: list[mqtt.MQTTMessage] = []
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if user is not None:
            self._client.username_pw_set(user, password)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _, __, message: self.messages.append(message)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async("127.0.0.1", port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        assert self._subscribed.wait(60), "nobody could listen to the broker"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def of(self, topic: str) -> list[bytes]:
        return [message.payload for message in list(self.messages) if message.topic == topic]

    def last(self, topic: str) -> bytes | None:
        found = self.of(topic)
        return found[-1] if found else None
