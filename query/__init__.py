"""Gives masks and numbers back; never writes to a catalogue."""
