"""Pose messages to a database."""
