"""Pooling: comparisons of one plan by several people, weighed as the repeats of one study that they are."""
