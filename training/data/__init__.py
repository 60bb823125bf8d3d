"""Pictures and labels to crops and targets."""
