"""Positions on the sky, and the epochs that saw them."""
