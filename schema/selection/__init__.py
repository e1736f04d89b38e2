"""Selections: definitions of a good pixel, in Python and in text."""
