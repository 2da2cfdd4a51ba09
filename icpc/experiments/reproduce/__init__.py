"""Running a finished run once more, and saying whether it gave the same."""
