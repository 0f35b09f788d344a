"""Networks that need larger pictures."""

from __future__ import annotations

LARGER = {"csatv2": 64, "inception_v3": 96}
