"""What pictures of a whole survey show, as data frames that summary tables answer in less than a second."""
