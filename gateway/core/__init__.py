"""What decides: who is let in, who waits, which backend serves. Pure; times are arguments, in seconds of one clock."""
