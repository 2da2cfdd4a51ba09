"""What is wrong with a dataset on disk, found before a run."""
