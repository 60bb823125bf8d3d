"""Redis: keys, atomic steps, publishing, reading, leases, the embedded server."""
