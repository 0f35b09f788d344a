"""Verdicts from paired scores: intervals, sentences, curves. NumPy and SciPy's quantiles alone."""
