"""Xiongmai DVRIP (TCP 34567): wire, messages, sessions, client and device side."""
