"""Profiles: what the files of a pipeline look like, one module each."""
