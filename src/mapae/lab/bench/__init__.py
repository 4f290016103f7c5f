"""What this machine and this database do with what Mapae ships: `mapae bench`."""
