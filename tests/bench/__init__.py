"""What closlab costs, measured against its peers in the same run; never pass or fail on absolute time."""
