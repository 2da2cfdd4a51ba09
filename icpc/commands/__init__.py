"""One module a command: each tells from top to bottom what the command does."""
