"""How well a few pictures of each class name others, by the nearest prototype of frozen features."""
