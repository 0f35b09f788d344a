"""A size, weights and a boundary to begin with, proposed for pictures that are new here."""
