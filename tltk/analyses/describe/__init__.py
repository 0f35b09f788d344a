"""The layers of a network, and what each costs."""
