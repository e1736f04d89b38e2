"""Survey-wide statistics behind the plots, as data frames read from the summary tables in under a second."""

from .ccdhalves import ccd_halves
from .costs import bit_costs, criteria_costs
from .overtime import over_time
from .skytiles import sky_tiles
from .statistic import outliers

__all__ = ["bit_costs", "ccd_halves", "criteria_costs", "outliers", "over_time", "sky_tiles"]
