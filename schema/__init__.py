"""Stored data and their vocabulary."""
