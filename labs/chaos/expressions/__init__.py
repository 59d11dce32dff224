"""The small language of expectations, such as `max(outage[during=spine-dies]) <= 500ms`. Parsed, never run as code."""
