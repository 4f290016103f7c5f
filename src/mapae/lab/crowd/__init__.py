"""The proof of the gate: a crowd at a real server on this machine, and a greater one in simulated time."""
