"""Simulated RTSP cameras: real pictures and sound, digest logins, and whatever real ones do wrong."""
