"""Redis: keys, atomic steps, publishing, reading, leases, the embedded server."""

from ghostpose.bus.connection import Bus, CameraCounters, CameraEntry, Heartbeat
from ghostpose.bus.embedded import EmbeddedServer
from ghostpose.bus.frames import FrameDelivery, FrameReader
from ghostpose.bus.keys import Keys
from ghostpose.bus.lease import Lease, PartitionLeases
from ghostpose.bus.maps_reader import CameraPosition, MapsDelivery, MapsReader
from ghostpose.bus.publisher import FramePublisher, Full, Published

__all__ = [
    "Bus",
    "CameraCounters",
    "CameraEntry",
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
]
