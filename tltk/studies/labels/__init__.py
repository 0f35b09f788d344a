"""Labels saved: accuracy against the number of labels."""
