"""Writing to a catalogue's database."""
