"""A run as one file to be handed on: a page of HTML that needs no network, a table of its figures, or JSON. No torch.

content.py    what a report says: sentence, figures, table, protocol
protocol.py   a spec in words
numbers.py    the figures of a result as rows
page.py       all of it as one file of HTML
files.py      the formats, by the end of the file's name
"""
