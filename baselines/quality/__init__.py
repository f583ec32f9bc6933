"""Model quality as Model Monitor has it: metrics of answers against labels, files, violations."""
