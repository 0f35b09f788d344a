"""Causes: why transfer hurts, or does not help, ranked with evidence, and experiments that settle it."""
