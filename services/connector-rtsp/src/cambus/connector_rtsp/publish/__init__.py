"""Devices that push their streams to us, by RTSP or RTMP: ports, logins, and the streams as they come."""
