"""The analysis stage: networks × splits × ablations × metrics → tidy scores, tables and figures."""
