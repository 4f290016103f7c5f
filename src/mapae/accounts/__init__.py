"""Accounts and their passwords: rules without I/O."""
