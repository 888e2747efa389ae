"""The events, one file for each noun."""
