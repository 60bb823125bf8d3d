"""What consumers of poses import; needs neither torch nor OpenCV."""
