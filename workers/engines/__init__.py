"""One file an inference engine."""
