"""A race: several techniques under one budget."""
