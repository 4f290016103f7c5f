"""What nodes tell each other. Always a hint, never the truth: the truth is in the database."""
