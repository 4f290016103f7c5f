"""Signing keys: when each one signs, and how it rests."""
