"""Tuning: settings are searched on validation pictures, and what is found is tested on others."""
