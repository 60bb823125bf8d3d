"""How many machines, processes and Redis shards so many cameras need, from measured unit costs."""
