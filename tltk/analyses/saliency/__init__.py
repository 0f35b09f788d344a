"""Where in pictures a finished training looks, and whether that depends on what it learned."""
