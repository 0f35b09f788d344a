"""Which shift measure sees which dial of the shift lab."""
