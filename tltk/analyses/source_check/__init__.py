"""What a trained network's own classifier says of pictures that it has not seen, of its own domain and of a target."""
