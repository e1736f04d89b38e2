"""Input files of masks: how their changes are noticed."""
