"""Study files: their schema, the runs they ask for, and where those lie."""
