"""Settings that stand in a domain's name, `shapes:hue=0.2` or `sound:PATH?seconds=2`: to text and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tltk.errors import BadSpec, UnknownName
from tltk.specs.knobs import Spec, knobs


@dataclass(frozen=True)
class NamedDials(Spec):
    """Dials of a domain; those at their default are left out of its name."""

    domain: ClassVar[str]  # as names of domains begin
    example: ClassVar[str]  # a name with a dial, for sentences
    separator: ClassVar[str] = ","
    before: ClassVar[str] = ""  # what stands between the domain and its dials

    @classmethod
    def field_in_words(cls, name: str) -> str:
        """A dial as whoever wrote the domain's name knows it."""
        return f"The dial {name} of {cls.domain}"

    def text(self) -> str:
        """The dials that are turned, in one order; "" where none is."""
        turned = {k: getattr(self, k) for k, rule in knobs(self).items() if getattr(self, k) != rule.default}
        told = (f"{k}={v if isinstance(v, str) else repr(v).removesuffix('.0')}" for k, v in turned.items())
        return self.separator.join(told)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The dials that a text such as `rotation=30,hue=0.2` sets, in any order.

        Raises:
            UnknownName: No such dial, choice or class.
            BadSpec: Not NAME=VALUE, a dial set twice, no number, or out of range.
        """
        rules, found = knobs(cls), dict[str, Any]()
        for part in filter(None, (p.strip() for p in text.split(cls.separator))):
            name, equals, value = (p.strip() for p in part.partition("="))
            if not equals or not value:
                raise BadSpec(f"A dial of {cls.domain} must be NAME=VALUE. Got {part!r}; write as in {cls.example}.")
            if name not in rules:
                raise UnknownName.among(f"A dial of {cls.domain}", name, rules)
            if name in found:
                raise BadSpec(f"A dial of {cls.domain} must be set once. Got {name} twice; leave one of them out.")
            found[name] = value if isinstance(rules[name].default, str) else cls._number(name, value)
        try:
            return cls(**found)
        except UnknownName:
            raise
        except BadSpec as fault:
            raise BadSpec(f"{fault} Write one that is, as in {cls.example}.") from None

    @classmethod
    def _number(cls, name: str, text: str) -> float | int:
        """A number, whole where the dial's are."""
        rule = knobs(cls)[name]
        whole = isinstance(rule.default, int)
        try:
            return int(text) if whole else float(text)
        except ValueError:
            fits = not whole and (rule.lo is None or rule.lo <= 0.5) and (rule.hi is None or rule.hi >= 0.5)
            shown = f"{cls.domain}:{cls.before}{name}={0.5 if fits else rule.default}"
            kind = "a whole number" if whole else "a number"
            raise BadSpec(f"The dial {name} must be {kind}. Got {text[:40]!r}; write as in {shown}.") from None
