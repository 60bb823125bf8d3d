"""What consumers of poses import; needs neither torch nor OpenCV.

from ghostpose.client import PoseReader

with PoseReader("redis://127.0.0.1:6379", ["lobby"]) as reader:
    for record in reader:
        print(record.camera, record.message)
"""

from ghostpose.client.previews import PreviewReader
from ghostpose.client.reader import PoseReader
from ghostpose.client.records import Cursor, EventRecord, PoseRecord, Record

__all__ = ["Cursor", "EventRecord", "PoseReader", "PoseRecord", "PreviewReader", "Record"]
