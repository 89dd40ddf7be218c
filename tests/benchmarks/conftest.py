"""The modules of the benchmarks are scripts, which import each other by their own folder."""

collect_ignore = [
    "cases.py",
    "generate.py",
    "peers.py",
    "run.py",
    "sampler_cases.py",
    "sampler_rows.py",
    "samplers.py",
]
