"""A sans-IO RTSP 1.0 server core."""
