"""POLE's stage of names: a table for all training pictures, and a picture that explains some."""
