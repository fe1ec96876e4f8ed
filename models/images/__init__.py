"""Images: options, geometry, decoding, augmentation, preparation for ImageNet networks, and hashes that are alike."""
