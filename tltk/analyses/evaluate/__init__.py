"""How good a finished training is on any domain that has classes of its own by name."""
