"""The twin's HTTPS side: what boards ask over HTTPS, and the pages for people."""
