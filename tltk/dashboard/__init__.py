"""The only place in the package that knows Streamlit. No torch here, and nothing is computed here.

serve.py          how the server is started
router.py         the pages and what surrounds them
routes.py         HTTP: rows by offset, plotly.js, exports
plan.py           what the user is about to do: one typed object, which goes into the URL
controls.py       a knob becomes a widget
chrome.py         titles, empty states, errors, the job bar
freeze_handle.py, plot.py   components of our own
"""
