"""Measuring models: reference values, complexity."""
