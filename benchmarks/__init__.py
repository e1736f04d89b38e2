"""Benchmarks of speed and size against named peers: ``python -m benchmarks``."""
