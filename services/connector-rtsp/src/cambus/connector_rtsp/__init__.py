"""Puts cameras and encoders that speak RTSP on the Cambus bus."""
