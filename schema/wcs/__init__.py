"""World coordinate systems: FITS headers, pixels and sky positions."""
