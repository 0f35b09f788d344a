"""Cross-validation of one technique, or of two: every picture is tested once in each repeat."""
