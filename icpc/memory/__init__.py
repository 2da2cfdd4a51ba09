"""Limits of memory: what a user sets, what a machine has, what predictions and text take."""
