"""Who the neighbours of a picture are, layer by layer, in both domains."""
