"""Running the trainings of a study: here, on several devices, or under Slurm."""
