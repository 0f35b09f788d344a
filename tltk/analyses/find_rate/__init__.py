"""The learning rate to begin with, for the network and for groups of its layers."""
