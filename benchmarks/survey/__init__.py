"""Benchmark queries on a synthetic catalogue of a whole survey: ``python -m benchmarks.survey``."""
