"""Frames, NAL units, G.711, RTP, FLV, fragmented MP4 and the timeline; no I/O.

Nothing is imported here: take what you need from its module, :mod:`cambus.media.frame` first of all.
"""
