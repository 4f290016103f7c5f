"""HTTP: bytes in, one call of a flow, bytes out."""
