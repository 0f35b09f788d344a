"""How names of files are spelled as names of what they hold."""


def camel_case(name: str) -> str:
    """`gradual_unfreezing` → `GradualUnfreezing`: the class that the file of that name holds."""
    return "".join(part.capitalize() for part in name.split("_"))
