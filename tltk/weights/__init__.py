"""Weights: what is there, how a file of them is read, and how they get into a network."""
