"""The upkeep of a catalogue: it is verified, made again from its masks, swept and brought to newer tables."""
