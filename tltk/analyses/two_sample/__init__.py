"""Whether two domains differ at one layer, beyond chance."""
