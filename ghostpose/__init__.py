"""ghostpose: people's skeletons from many cameras, as a stream."""

__version__ = "0.1.0"
