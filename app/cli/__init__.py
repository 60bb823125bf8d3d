"""The `ghostpose` command, one file a subcommand."""
