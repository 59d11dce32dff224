"""Queue pairs on the wire: frames, NICs, and the loop that drives them; and collectives that run over them."""
