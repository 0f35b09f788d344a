"""What each layer knows, and where two domains part: figures over depth."""
