"""Programs that fetch the same pages and store the same fields as Canter, for comparison."""
