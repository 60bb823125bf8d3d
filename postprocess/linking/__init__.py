"""Tracks of different cameras that are probably one person: a pure core, and the role around it."""

from postprocess.linking.known import Link, Sight
from postprocess.linking.linker import Linker
from postprocess.linking.worker import run_link

__all__ = ["Link", "Linker", "Sight", "run_link"]
