"""Masks of a catalogue: read, combined, exported."""
