"""Turn a planned fabric into the files that daemons, tools and people read."""
