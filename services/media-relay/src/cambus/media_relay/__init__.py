"""Serves the streams of the Cambus bus over RTSP, HTTP-FLV and fragmented MP4."""
