"""The networks: the towers of image and text, their fusion, and the options."""
