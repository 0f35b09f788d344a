"""Where a finished training is wrong and sure of it."""
