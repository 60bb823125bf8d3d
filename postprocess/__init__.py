"""Maps to people, tracks and pose messages: the post-processing role."""
