"""The database of a catalogue, as it is written."""
