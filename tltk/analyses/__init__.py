"""Analyses answer a question about data and networks: a folder each."""
