"""Tracks held against ground truth: MOT boxes, the standard scores, a baseline to compare with."""
