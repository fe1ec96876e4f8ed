"""The served model: what it takes, how it is exported, and the card that lies beside it."""
