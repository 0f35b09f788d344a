"""Figures: result dataclasses in, plotly figures out. No torch, no Streamlit.

theme.py    colours that any eyes tell apart, and the layout that all figures share
curves.py   learning curves with bands, per-class gaps
names.py    names as text, whatever marks they hold
phases.py   a strategy's plan as layers × epochs, the rates and changes of layers
"""
