"""Combinations of attributes that were never shown, named by classifiers of the attributes on frozen features."""
