"""Networks: their options, the towers of image and text, and how they are joined."""
