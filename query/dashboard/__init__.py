"""Dashboard of a catalogue in the browser, served by Panel and Bokeh."""
