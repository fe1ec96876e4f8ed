"""ImageTextExampleGen: a catalogue of images, descriptions and labels becomes Examples and Rejects."""
