"""The dashboard: pages about a catalogue in the browser, served by Panel and Bokeh."""
