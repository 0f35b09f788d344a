"""Advice: which technique to try first, and why."""
