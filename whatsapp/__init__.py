"""The outside world, named for it: Meta's JSON and errors become our values here, and nowhere else."""
