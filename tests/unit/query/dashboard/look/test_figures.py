"""The look of the dashboard's plots."""

from bokeh.models import NoOverlap

from goodpix.query.dashboard.look.figures import new_figure


def test_labels_of_axes_never_overlap() -> None:
    axes = new_figure("x", "y", x_axis_type="datetime").axis
    assert len(axes) == 2
    assert all(isinstance(axis.major_label_policy, NoOverlap) for axis in axes)
