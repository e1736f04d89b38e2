"""Decoders of compressed tiles."""
