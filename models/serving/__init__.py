"""The served model: its export, the decoding of requests, and its model card."""
