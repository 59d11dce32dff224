"""What a run leaves for people and for machines: JSON, JUnit and one HTML page."""
