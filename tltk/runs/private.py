"""What is given away says nothing of the machine that it was made on: paths are cut to their last part. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tltk import home

# A path that begins at the root, at a user's folder or at a drive, up to its last part; no address of the web.
_ABSOLUTE = re.compile(r"(?<![\w./\\~-])(?:~\w*|[A-Za-z]:)?[/\\](?![/\\])(?:[^\s/\\'\"‘’“”()<>|]+[/\\])*(?=[^\s/\\])")
_IN_NAME = re.compile(r"(?:^|:)((?:~\w*[/\\]|[/\\](?![/\\])|[A-Za-z]:[/\\]).*[/\\])")


def folders_named(body: Any) -> list[str]:
    """The folders that names such as `folder:/home/me/my pets` lie in, the longest first.

    Args:
        body: A spec or a result as plain JSON.
    """
    found = {str(home.home()) + "/", str(home.home().resolve()) + "/"}
    for text in _texts(body):
        found |= {match[1] for match in [_IN_NAME.search(text)] if match and len(match[1]) > 1}
    return sorted(found, key=len, reverse=True)


def cut_paths(text: str, folders: Sequence[str] = ()) -> str:
    """A text whose absolute paths are cut to their last part.

    Args:
        text: Names or sentences.
        folders: From `folders_named`, so that those with blanks are found too.

    Example:
        >>> cut_paths("digits beside folder:/home/me/pets; see https://a.org/b/c and 3/4")
        'digits beside folder:pets; see https://a.org/b/c and 3/4'
    """
    for folder in folders:
        text = text.replace(folder, "")
    return _ABSOLUTE.sub("", text)


def without_paths(body: Any, folders: Sequence[str] = ()) -> Any:
    """The same JSON with every text cut, those that are keys too.

    Args:
        body: Plain JSON.
        folders: From `folders_named`.
    """
    if isinstance(body, str):
        return cut_paths(body, folders)
    if isinstance(body, list):
        return [without_paths(one, folders) for one in body]
    if isinstance(body, dict):
        return {cut_paths(str(key), folders): without_paths(value, folders) for key, value in body.items()}
    return body


def _texts(body: Any) -> list[str]:
    if isinstance(body, str):
        return [body]
    parts = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    return [text for part in parts for text in _texts(part)]
