"""Stored poses as files that other programs open: Parquet, CSV, COCO key points, MOT."""

from app.jobs.exports.export import Exported, export_results, format_of

__all__ = ["Exported", "export_results", "format_of"]
