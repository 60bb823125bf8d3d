"""Drilling an installation: processes are killed under load, and an outsider keeps the books."""
