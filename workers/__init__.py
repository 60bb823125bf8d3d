"""Frames to maps: the inference role."""
