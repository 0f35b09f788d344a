"""What is in a domain."""
