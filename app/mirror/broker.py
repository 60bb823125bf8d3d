"""One MQTT broker, which may be away or slow: nothing here ever waits for it.

paho-mqtt connects and sends in a thread of its own, and again after each loss. What is on its way
is bounded here; what finds no room is dropped and counted. Retained messages are remembered, the
newest of each topic, told as soon as there is room, and again after each connecting: so they are
never lost.
"""

from __future__ import annotations

import logging
import secrets
import socket
import ssl
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from app.mirror.messages import OFFLINE, ONLINE, Outgoing
from ghostpose.errors import ConfigError

try:
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
except ImportError as error:
    raise ConfigError(
        "mirroring to MQTT needs the package paho-mqtt: pip install 'ghostpose[mqtt]'"
    ) from error

if TYPE_CHECKING:
    from pathlib import Path

    from app.mirror.address import BrokerAddress

ON_THE_WAY: Final = 500
"""Messages given to the connection and not sent yet; beyond, a slow broker loses newer ones."""

EVENTS_WAITING: Final = 1000
"""Important messages that wait for a broker that is away; beyond, newer ones are lost."""

KEEPALIVE_S: Final = 15
"""A broker that is silent for half as long again is taken for gone."""

GOODBYE_S: Final = 2.0
"""How long a mirror that ends waits for the broker to hear it."""

RETRY_S: Final = (1, 30)
"""First and longest wait before connecting again."""

_log = logging.getLogger(f"{__name__}.Broker")


class Broker:
    """Sends to one broker. For one thread; `status_topic` tells others whether it is connected."""

    def __init__(self, address: BrokerAddress, status_topic: str) -> None:
        self._address, self._status_topic = address, status_topic
        self._retained: dict[str, Outgoing] = {}
        self._untold: dict[str, Outgoing] = {}
        self._on_the_way: deque[mqtt.MQTTMessageInfo] = deque()
        self.sent = 0
        """Messages given to the connection."""
        self.dropped = 0
        """Messages that found no room or no broker, or were lost with a connection."""
        self._dropped_told = 0
        self._connects = self._connects_told = 0
        self._failing = False
        self._client = self._make_client()

    def __enter__(self) -> Self:
        low, high = RETRY_S
        self._client.reconnect_delay_set(low, high)
        self._client.connect_async(self._address.host, self._address.port, KEEPALIVE_S)
        self._client.loop_start()
        self.send(Outgoing(self._status_topic, ONLINE, retained=True))
        return self

    def __exit__(self, *_: object) -> None:
        heard = self._say_goodbye()
        self._client.disconnect()
        connection: Any = self._client.socket()
        if not heard and connection is not None:
            # Else the client would wait for a broker that hangs to take what is on the way. That
            # one tells the last will later, which says the same.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()

    def _say_goodbye(self) -> bool:
        """Tell that the mirror ends; False: there is nobody to hear it in time."""
        if not self._client.is_connected():
            return False
        last = self._client.publish(self._status_topic, OFFLINE, qos=1, retain=True)
        with suppress(RuntimeError, ValueError):  # the connection is lost, or full
            last.wait_for_publish(GOODBYE_S)
            return last.is_published()
        return False

    def load(self) -> dict[str, float]:
        """Return the counters as a heartbeat carries them."""
        connected = float(self._client.is_connected())
        return {"sent": float(self.sent), "dropped": float(self.dropped), "connected": connected}

    def send(self, *messages: Outgoing) -> None:
        """Send messages, or drop them; a retained one only if it says something new."""
        for message in messages:
            if message.retained:
                self._remember(message)
            elif not self._give(message):
                self.dropped += 1
        self._tell_retained()

    def tend(self) -> None:
        """Look after the connection: tell retained messages, after each connecting all of them.

        A broker that starts again may have forgotten them. To be called several times a second.
        """
        self._forget_done()
        if self._connects != self._connects_told and self._client.is_connected():
            self._connects_told = self._connects
            self._untold = {**self._retained, **self._untold}
            if self.dropped > self._dropped_told:
                lost = self.dropped - self._dropped_told
                _log.warning("the broker at %s takes messages again; %d were dropped meanwhile",
                             self._address, lost)  # fmt: skip
                self._dropped_told = self.dropped
        self._tell_retained()

    def _remember(self, message: Outgoing) -> None:
        if self._retained.get(message.topic) == message:
            return
        self._untold[message.topic] = message
        if message.last:
            self._retained.pop(message.topic, None)
        else:
            self._retained[message.topic] = message

    def _tell_retained(self) -> None:
        """Tell what is retained and untold, the longest untold first, as far as there is room."""
        while self._untold:
            topic, message = next(iter(self._untold.items()))
            if not self._give(message):
                return
            del self._untold[topic]

    def _give(self, message: Outgoing) -> bool:
        """Hand a message to the connection; False: it has no room for it, or there is none."""
        self._forget_done()
        if not message.important and (
            len(self._on_the_way) >= ON_THE_WAY or not self._client.is_connected()
        ):
            return False
        qos = 1 if message.important or message.retained else 0
        info = self._client.publish(message.topic, message.payload, qos, message.retained)
        # Without a connection the client keeps important ones for the next, until it is full.
        taken = {MQTTErrorCode.MQTT_ERR_SUCCESS}
        if message.important:
            taken.add(MQTTErrorCode.MQTT_ERR_NO_CONN)
        if info.rc not in taken:
            return False
        self.sent += 1
        if not message.important:
            self._on_the_way.append(info)
        return True

    def _forget_done(self) -> None:
        while self._on_the_way:
            try:
                if not self._on_the_way[0].is_published():
                    return
            except RuntimeError:  # it was lost with its connection
                self.dropped += 1
            self._on_the_way.popleft()

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"ghostpose-{secrets.token_hex(6)}"
        )
        client.max_queued_messages_set(EVENTS_WAITING)
        client.will_set(self._status_topic, OFFLINE, qos=1, retain=True)
        if self._address.user is not None:
            client.username_pw_set(self._address.user, self._address.password)
        if self._address.tls:
            client.tls_set_context(_trusting(self._address.ca))
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        return client

    def _on_connect(self, _: mqtt.Client, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        if reason.is_failure:
            self._away(f"it refuses the connection: {reason}")
            return
        self._failing = False
        self._connects += 1
        _log.info("connected to the broker at %s", self._address)

    def _on_connect_fail(self, _: mqtt.Client, __: Any) -> None:
        self._away("nothing answers, or not with a trusted certificate")

    def _on_disconnect(self, _: mqtt.Client, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        if reason.is_failure:
            self._away(f"the connection is lost: {reason}")

    def _away(self, why: str) -> None:
        level = logging.DEBUG if self._failing else logging.WARNING
        _log.log(level, "the broker at %s is away, poses are dropped: %s", self._address, why)
        self._failing = True


def _trusting(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ConfigError(f"mirror: {ca} holds no certificates: {error.strerror}") from error
