"""Commands: thin, rich output, exit codes."""
