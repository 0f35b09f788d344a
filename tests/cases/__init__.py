"""Inputs as people have them, each made by a small recipe, and what must come of each.

`python -m tests.cases` runs all and prints the table; `python -m tests.cases NAME FOLDER` makes one to look at.
A recipe is a function of this package's modules that takes an empty folder; `outcomes` says what must come of it.
"""
