"""What a finished training says of pictures that it has not seen."""
