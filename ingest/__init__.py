"""Fills a catalogue: from info files to masks and rows."""
