"""Catalogues as people hold them: written by the tools whose layouts they are, and read by ``diptych init`` alone."""
