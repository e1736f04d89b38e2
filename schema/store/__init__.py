"""Storage of a catalogue's mask files in a folder or an object store."""
