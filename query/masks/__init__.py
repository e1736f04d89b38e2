"""Reading, combining and exporting the masks of a catalogue."""
