"""Experiments with real servers on this machine, and pictures of what they show."""
