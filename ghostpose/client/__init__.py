"""What consumers of poses import; needs neither torch nor OpenCV.

from ghostpose.client import PoseReader

with PoseReader("redis://127.0.0.1:6379", ["lobby"]) as reader:
    for record in reader:
        print(record.camera, record.message)
"""

from ghostpose.client.converters import PoseArrays, to_numpy, to_pandas, to_supervision
from ghostpose.client.group import AsyncPoseGroup, PoseGroup
from ghostpose.client.previews import PreviewReader
from ghostpose.client.reader import AsyncPoseReader, PoseReader
from ghostpose.client.records import Cursor, EventRecord, PoseRecord, Record
from ghostpose.client.where import Area, Where
from ghostpose.feet import foot_of

__all__ = [
    "Area",
    "AsyncPoseGroup",
    "AsyncPoseReader",
    "Cursor",
    "EventRecord",
    "PoseArrays",
    "PoseGroup",
    "PoseReader",
    "PoseRecord",
    "PreviewReader",
    "Record",
    "Where",
    "foot_of",
    "to_numpy",
    "to_pandas",
    "to_supervision",
]
