"""Labels for devices: what is on one, where it is on a sheet of label paper, and PDF and SVG of it."""
