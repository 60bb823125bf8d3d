"""What consumers of poses import; needs neither torch nor OpenCV."""

from ghostpose.client.reader import Cursor, EventRecord, PoseReader, PoseRecord

__all__ = ["Cursor", "EventRecord", "PoseReader", "PoseRecord"]
