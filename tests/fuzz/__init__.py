"""Coverage-guided fuzzing of everything that parses files of others: ``make fuzz SECONDS=60``.

``targets`` says what is fuzzed; ``corpus`` holds few inputs that together reach what the targets reach, and
``test_corpus.py`` runs every target over them without atheris.
"""
