"""Benchmarks: crmcore beside a rival that does the same work."""
