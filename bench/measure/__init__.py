"""What `bench/over_http.py` measures with: a load generator, processes, rounds, and how the outcome is shown."""
