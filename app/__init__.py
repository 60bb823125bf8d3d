"""What a person touches: the command line and the table of processes."""
