"""One module a step, `rNNNN_what.py`; a step that has been released is never edited."""
