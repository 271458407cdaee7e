"""Simulated pool-based active learning: request, loop, run folder and learning curves."""
