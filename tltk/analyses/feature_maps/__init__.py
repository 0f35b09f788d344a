"""What each layer of a network makes of one picture: its strongest feature maps."""
