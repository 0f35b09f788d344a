"""Negative transfer: does the source hurt, on which classes and pictures, why, and would another source do better?"""

from tltk.dashboard import chrome, negative_view
from tltk.dashboard.asked import show_asked, show_formulas, show_technique
from tltk.shift import measures

LEAD = (
    "Transfer is negative where a network does worse with a source than without. Does it, where, why, and what helps?"
)

with chrome.page("Negative transfer", LEAD):
    question = negative_view.choose()
    if question is not None:
        negative_view.show_verdict(question)
        negative_view.show_causes(question)
        negative_view.show_atlas(question)
        show_technique(question.spec)
        show_formulas("The distance of two domains and its formula", (measures, ["mmd"]))
        show_asked(*negative_view.list_specs(question))
