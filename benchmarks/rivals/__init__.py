"""The rivals of the persistence benchmarks: the same rows, written by other means."""
