"""Masks as runs, and the selections applied to them."""
