"""Bad days: what goes wrong around a lab, see README.md."""
