"""What a layer knows, read off by a simple model."""
