"""Zones, lines and postures over tracked people: pure rules, their memories, their events."""

from postprocess.events.memory import Memories, decode_memories, encode_memories
from postprocess.events.watcher import rules_of, watch

__all__ = ["Memories", "decode_memories", "encode_memories", "rules_of", "watch"]
