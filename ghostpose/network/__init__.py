"""The Ghost-backbone pose network, its baselines, its weights."""
