"""Data sets whose masks are drawn from outlines."""
