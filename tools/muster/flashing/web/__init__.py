"""A flasher in the browser: a folder with a page, the images, and a server for this computer alone."""
