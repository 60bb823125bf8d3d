"""The store: cameras, sessions, tracks and poses in a database, fed from the poses streams."""

from postprocess.store.database import open_database, open_for_reading
from postprocess.store.worker import StoreReport, run_store
from postprocess.store.writer import Batch, write_batch

__all__ = [
    "Batch",
    "StoreReport",
    "open_database",
    "open_for_reading",
    "run_store",
    "write_batch",
]
