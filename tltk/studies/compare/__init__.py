"""Scratch against transfer at a matched budget: the study that ends in a verdict."""
