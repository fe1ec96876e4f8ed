"""Pusher: copies a blessed model to where it is served."""
