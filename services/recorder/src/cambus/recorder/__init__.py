"""Records the streams of the Cambus bus as fragmented MP4, indexed and exportable."""
