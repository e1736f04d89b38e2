"""Tables: text, files and units."""
