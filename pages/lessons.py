"""Lessons: predict, run, compare. Each opens a question about transfer that one's own run answers."""

from tltk.dashboard import chrome, lesson_view
from tltk.dashboard.words import plain

LEAD = "Each lesson asks a question. Predict the answer, run it on this machine, and see what your own run says."

lesson = lesson_view.opened()
if lesson is None:
    with chrome.page("Lessons", LEAD):
        lesson_view.unknown()
        lesson_view.cards()
else:
    with chrome.page(plain(f"{lesson.number} · {lesson.title}"), plain(lesson.short)):
        lesson_view.show(lesson)
