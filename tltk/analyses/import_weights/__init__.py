"""What a file of weights holds; with a name, it is kept."""
