"""Ingest of info files: from planes to masks and rows."""
