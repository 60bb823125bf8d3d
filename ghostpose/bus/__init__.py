"""Redis: keys, atomic steps, publishing, reading, leases, the embedded server."""

from ghostpose.bus.camera_leases import CameraLeases
from ghostpose.bus.commit import CameraPosition, MapsDelivery
from ghostpose.bus.connection import Bus, CameraCounters
from ghostpose.bus.embedded import EmbeddedServer
from ghostpose.bus.frames import FrameDelivery, FrameReader
from ghostpose.bus.keys import Keys
from ghostpose.bus.lease import Lease, PartitionLeases
from ghostpose.bus.maps_reader import MapsReader
from ghostpose.bus.publisher import FramePublisher, Full, Published
from ghostpose.bus.registry import Registered, Registry
from ghostpose.codec.camera_settings import CameraLease, RegisteredCamera
from ghostpose.codec.registry import CameraEntry, Heartbeat

__all__ = [
    "Bus",
    "CameraCounters",
    "CameraEntry",
    "CameraLease",
    "CameraLeases",
    "CameraPosition",
    "EmbeddedServer",
    "FrameDelivery",
    "FramePublisher",
    "FrameReader",
    "Full",
    "Heartbeat",
    "Keys",
    "Lease",
    "MapsDelivery",
    "MapsReader",
    "PartitionLeases",
    "Published",
    "Registered",
    "RegisteredCamera",
    "Registry",
]
