"""An image network that was trained on ImageNet, whose weights come from an installed package."""
