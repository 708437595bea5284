"""The pictures of the documents, docs/pictures/*.svg. `make pictures` draws them."""
