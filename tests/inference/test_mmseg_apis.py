"""MMSegmentation's own functions on what a run leaves: the same labels as ours and as test.py's."""
