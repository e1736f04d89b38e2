"""Survey-wide statistics behind the plots, as data frames read from the summary tables in under a second."""
