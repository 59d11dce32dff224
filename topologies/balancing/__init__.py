"""How switches spread traffic over paths of equal cost."""
