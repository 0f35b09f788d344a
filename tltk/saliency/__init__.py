"""What of a picture a network's answer comes from, as maps; and whether these depend on what it has learned."""
