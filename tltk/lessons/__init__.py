"""Lessons: a question about transfer, a prediction, a run, and what the run says. One Markdown file each."""

from tltk.lessons.lesson import Lesson, find, lessons

__all__ = ["Lesson", "find", "lessons"]
