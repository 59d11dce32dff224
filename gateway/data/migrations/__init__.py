"""Steps from the tables of one version of the gateway to those of the next."""
