"""What domains of sounds share: how sounds are made, read and written, and the pictures that networks see of them."""
