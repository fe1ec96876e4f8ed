"""The steps of a compiled pipeline that are no TFX components."""

SOURCES, DECODE, PUBLISH = "Sources", "Decode", "Publish"


def slice_label(number: int) -> str:
    """The name of the step that decodes one slice of the catalogue, in the summary of a run."""
    return f"{DECODE}-{number}"
