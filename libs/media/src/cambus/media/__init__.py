"""Frames, NAL units, G.711, RTP, FLV, fragmented MP4 and the timeline; no I/O."""
