"""What comes back, typed: a worker writes it, a page or the shell reads it. No torch here."""
