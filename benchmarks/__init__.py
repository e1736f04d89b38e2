"""How fast and how small goodpix is, each question against a named peer: ``python -m benchmarks``."""
