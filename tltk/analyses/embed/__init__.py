"""Pictures in two dimensions, layer by layer."""
