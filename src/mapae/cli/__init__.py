"""The command line: standard output is for results, standard error for talk; `--json` for programs."""
