"""containerlab's files: topologies read and written as they stand, and the files it leaves for other tools."""
