"""Questions about a whole survey, asked of a synthetic catalogue: ``python -m benchmarks.survey``."""
