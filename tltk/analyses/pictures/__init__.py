"""Some test pictures of a domain, by their places."""
