"""Maps to people, in five pure steps."""
