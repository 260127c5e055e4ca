"""Pictures as SVG text, and the HTML pages they stand in. They refer to nothing outside."""
