"""Pictures of a lab: SVG for people, Mermaid for Markdown, DOT for Graphviz."""
