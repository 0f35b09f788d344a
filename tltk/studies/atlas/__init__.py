"""An atlas: every source for every target."""
