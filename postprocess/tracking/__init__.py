"""People to tracks, in media time."""
