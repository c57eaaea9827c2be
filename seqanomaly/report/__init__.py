"""Reports: tables, sentences and figures from data frames."""
