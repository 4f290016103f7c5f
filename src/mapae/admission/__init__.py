"""Who may try now, and who has to wait: rules without I/O."""
