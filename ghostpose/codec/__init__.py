"""Types to bytes and back: the only place where wire formats are known."""
