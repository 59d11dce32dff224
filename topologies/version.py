"""closlab's version. A constant: to look it up in the installed distribution takes as long as to plan a fabric."""

VERSION = "0.1.0"
