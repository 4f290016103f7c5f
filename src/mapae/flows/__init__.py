"""What people and programs can do: each flow loads, decides and saves. Rules and I/O meet only here."""
