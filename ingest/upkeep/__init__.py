"""Upkeep of a catalogue: verification, repair, rebuild, garbage collection and upgrade."""
