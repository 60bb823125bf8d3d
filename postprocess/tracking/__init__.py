"""Tracking: the people of successive frames as persons over time, with ids that hold."""

from postprocess.tracking.options import TrackerOptions
from postprocess.tracking.tracker import Tracker, warm_up

__all__ = ["Tracker", "TrackerOptions", "warm_up"]
