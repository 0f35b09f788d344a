"""The pages, in the order of the work, and the job bar under all of them."""

import json

import streamlit as st

from tltk import assets
from tltk.dashboard import chrome, notify, plan, room
from tltk.dashboard.serve import app_folder
from tltk.dashboard.words import plain

TITLES = {
    "workbench": "Workbench",
    "lessons": "Lessons",
    "domains": "Domains",
    "design": "Design",
    "train": "Train",
    "examine": "Examine",
    "curves": "Curves",
    "negative": "Negative transfer",
    "studies": "Studies",
    "layers": "Layers",
    "shift": "Shift",
    "choose": "Choose",
    "use": "Use",
    "weights": "Weights",
    "runs": "Runs",
    "board": "Board",
    "teacher": "Teacher",
}

ended = chrome.note_end()
st.set_page_config(page_title=ended or "tltk", page_icon=str(app_folder() / "assets" / "icon.png"), layout="wide")
palette = json.loads(assets.text("palette.json"))
on, text = (  # on the primary colour, and elsewhere
    {theme: palette[theme]["page"][which] for theme in ("light", "dark")} for which in ("backgroundColor", "textColor")
)
st.html(
    """<style>
.stMainBlockContainer { padding-top: 4.25rem; padding-bottom: 3rem; }
/* Headings name what follows; the room is the figures'. */
[data-testid=stHeading] h1 { font-size: 1.75rem; padding: 0 0 .25rem; }
[data-testid=stHeading] h2 { font-size: 1.375rem; padding: .5rem 0 .25rem; }
[data-testid=stHeading] h3 { font-size: 1.125rem; padding: .25rem 0; }
[data-testid=stBottomBlockContainer] { padding: .75rem 5rem 1rem; }
/* Figures wrap where their column is narrow; cut off, they say something else. */
[data-testid=stMetricValue], [data-testid=stMetricLabel] { overflow: visible; }
[data-testid=stMetricValue] :is(div, p), [data-testid=stMetricLabel] :is(div, p) {
  white-space: normal; overflow: visible; text-overflow: clip; }
[data-testid=stMetricValue] { font-size: clamp(1.25rem, 1.9vw, 2.25rem); line-height: 1.25; }
/* Text keeps a contrast of 4.5: captions are too pale, a primary button's white too weak on the dark theme's blue, and
   code in several pale colours. */
[data-testid=stCaptionContainer][data-testid] { opacity: .75; }
[data-testid=stBaseButton-primary][data-testid]:enabled { color: light-dark(ON_LIGHT, ON_DARK); }
[data-testid=stMultiSelect] [data-tag-index] :is(span, svg) { color: light-dark(ON_LIGHT, ON_DARK); }
[data-testid=stWidgetLabel] [data-testid=stMarkdownContainer] p { color: light-dark(TEXT_LIGHT, TEXT_DARK); }
/* Under the mouse, what is chosen has the primary colour on too much of its own tint. */
button[data-variant][data-selected=true]:is([data-hovered], [data-focused]) { color: inherit !important; }
[data-testid=stCode] .token { color: inherit !important; }
[data-testid=stCode] .token.keyword { font-weight: 600; }
</style>""".replace("ON_LIGHT", on["light"])
    .replace("ON_DARK", on["dark"])
    .replace("TEXT_LIGHT", text["light"])
    .replace("TEXT_DARK", text["dark"])
)
person = room.me()
if room.now() is not None and person is None:
    st.warning("Your place in this room has been freed. Reload the page and join again, with the room's code.")
    st.stop()
folder = app_folder() / "pages"
names = chrome.open_pages()
if person is not None and plan.locked() is None:
    names += chrome.IN_A_ROOM[: 1 + person.is_teacher]
first = chrome.PAGES[0] if chrome.PAGES[0] in names else names[-1]  # which has no name in its address
pages = {
    name: st.Page(folder / f"{name}.py", title=TITLES[name], default=name == first, url_path=name) for name in names
}
plan.flag("pages", pages)
plan.flag("stop:shown", "")  # until a page of this run has a button of its own
chosen = st.navigation(list(pages.values()), position="top")
chosen.run()
chrome.job_bar()
if ended:
    st.toast(plain(ended))
    notify.tell(ended, "router:notify")
