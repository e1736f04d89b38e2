"""Masks as runs, and the definitions of good that they are cut by."""
