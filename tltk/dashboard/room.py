"""A room: several people at one dashboard, each with a name. Who is in it, and who of them asks.

`tltk app --room` makes one; `door.py` lets nobody past who has not given its code. Who is in is known to the server's
memory alone: each browser holds a token, the server its hash. What each has asked for lies beside the queue.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import threading
import time
import unicodedata
from dataclasses import dataclass

import msgspec
import streamlit as st

from tltk.errors import BadSpec, RunProblem, abbreviate
from tltk.jobs import queue

SETTING = "TLTK_ROOM"  # how `tltk app` hands a room to the server: JSON of `Settings`
COOKIE = "tltk_room"
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # of a code: none that is taken for another
LEAST_CODE, MOST_CODE, MOST_NAME = 6, 64, 24  # characters
# Letters and marks that show nothing: with one of them two names would look the same.
UNSEEN = re.compile(r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
MOST_PEOPLE = 200
TRIES, ALL_TRIES, TRY_SECONDS = 20, 200, 60.0  # wrong codes from one address, and from all, in so many seconds


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a room is opened with.

    Attributes:
        code: Lets people in.
        teacher: Lets those in who may pause, stop and see all.
        waiting: How many questions of one person may wait at once.
        minutes: After how many a training is stopped; 0 = never.
    """

    code: str
    teacher: str
    waiting: int
    minutes: float


class Refused(BadSpec):
    """Somebody who is not let in, and the HTTP status that says so."""

    def __init__(self, text: str, status: int = 403) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Person:
    """Who is in a room."""

    name: str
    is_teacher: bool = False


def new_code(parts: int) -> str:
    """A code of so many times four letters and digits, as in `k3pq-x7vn`."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(parts))


def check_code(code: str) -> str:
    """The code, if it can be one.

    Raises:
        BadSpec: It is too short to be safe from guessing, or too long.
    """
    if len(_bare(code)) < LEAST_CODE or len(code) > MOST_CODE:
        raise BadSpec(
            f"The code of a room must have {LEAST_CODE} to {MOST_CODE} letters and digits. Got {len(_bare(code))}; "
            f"leave --code out and one is made."
        )
    return code


def _bare(code: str) -> str:
    """A code as it is compared: in any case, with or without its dashes."""
    return "".join(letter for letter in code.casefold() if letter.isalnum())


def check_name(text: str) -> str:
    """A person's name, on one line.

    Raises:
        Refused: It is empty, too long, or no plain text.
    """
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    is_plain = all(unicodedata.category(letter)[0] in "LMN" or letter in " -'.’" for letter in name)
    is_plain = is_plain and UNSEEN.search(name) is None
    if not 1 <= len(name) <= MOST_NAME or not is_plain or not name[0].isalnum():
        raise Refused(
            f"A name must have 1 to {MOST_NAME} characters: letters, digits, blanks and - ' . alone, a letter or "
            f"digit first. Got {abbreviate(text)}.",
            400,
        )
    return name


class Room:
    """Who is in, by the hashes of their tokens; safe for many threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._people: dict[str, Person] = {}
        self._wrong: list[tuple[float, str]] = []
        self._lock = threading.Lock()

    def join(self, code: str, name: str, address: str) -> str:
        """Let somebody in; the token that their browser is to keep.

        Args:
            code: As it was typed.
            name: As it was typed.
            address: Of the browser; wrong codes from one are limited.

        Raises:
            Refused: The code is wrong, too many were tried, the name cannot be one or is taken, the room is full.
        """
        with self._lock:
            since = time.monotonic() - TRY_SECONDS
            self._wrong = [(at, who) for at, who in self._wrong if at > since]
            if len(self._wrong) >= ALL_TRIES or sum(who == address for _, who in self._wrong) >= TRIES:
                raise Refused("Too many wrong codes were tried. Wait a minute, then try again.", 429)
            given = _bare(code[: 2 * MOST_CODE]).encode()
            fits = hmac.compare_digest(given, _bare(self.settings.code).encode())
            is_teacher = hmac.compare_digest(given, _bare(self.settings.teacher).encode())
            if not fits and not is_teacher:
                self._wrong.append((time.monotonic(), address))
                raise Refused("This is not the room's code. Ask whoever opened the room.")
            person = Person(check_name(name), is_teacher)
            if any(one.name.casefold() == person.name.casefold() for one in self._people.values()):
                raise Refused(
                    "Somebody in this room has this name. Choose another; if it is yours, in another browser, ask the "
                    "teacher to free it.",
                    409,
                )
            if len(self._people) >= MOST_PEOPLE:
                raise Refused(f"At most {MOST_PEOPLE} people may be in a room. This one is full.", 409)
            token = secrets.token_urlsafe(32)
            self._people[_digest(token)] = person
            return token

    def person(self, token: str | None) -> Person | None:
        """Whose token this is; None = nobody's."""
        return self._people.get(_digest(token)) if token else None

    def people(self) -> list[Person]:
        """Everybody, in the order in which they came."""
        return list(self._people.values())

    def free(self, name: str) -> None:
        """Let go of a name: whoever has it has to join again, and so may somebody else."""
        with self._lock:
            self._people = {token: one for token, one in self._people.items() if one.name != name}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# -- the room of this server -----------------------------------------------------------------------------

_room: Room | None = None
_opening = threading.Lock()


def now() -> Room | None:
    """The room of this server; None where the dashboard is for one.

    It is opened by the setting at the first question, and the setting is taken away, so that no worker inherits it.
    """
    global _room
    if SETTING in os.environ:
        with _opening:
            if text := os.environ.get(SETTING):
                _room = Room(msgspec.json.decode(text, type=Settings))
            os.environ.pop(SETTING, None)  # last: until then everybody waits for the room
    return _room


def me() -> Person | None:
    """Who looks at this page; None where there is no room, or where they have to join again."""
    found = now()
    return None if found is None else found.person(st.context.cookies.get(COOKIE))


def asker() -> str:
    """In whose name this page queues.

    Raises:
        RunProblem: The name has been freed meanwhile.
    """
    if now() is None:
        return queue.HERE
    person = me()
    if person is None:
        raise RunProblem("You must be in the room to do this. Your place has been freed; reload the page and join.")
    return person.name
