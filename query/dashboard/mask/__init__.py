"""Mask viewer: drawing, controls and legend of one mask."""
