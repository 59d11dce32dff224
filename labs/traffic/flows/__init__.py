"""How fast flows are in a fabric of any size, on paper: max-min fair over the paths that BGP and ECMP give them."""
