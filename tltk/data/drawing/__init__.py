"""What drawn domains share: shapes, palettes, textures, the camera."""
