"""Frames out of capture files, pcap and pcapng, as far as a file is whole."""
