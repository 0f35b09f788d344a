"""Soups: the weights of several trainings, averaged."""
