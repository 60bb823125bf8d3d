"""Cameras and recordings to frames on the bus."""
