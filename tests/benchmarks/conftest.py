"""The modules of the benchmarks are scripts, which import each other by their own folder."""

collect_ignore = [
    "augment.py",
    "augment_cases.py",
    "cases.py",
    "generate.py",
    "loss_cases.py",
    "loss_costs.py",
    "loss_device.py",
    "loss_peers.py",
    "losses.py",
    "peers.py",
    "rows.py",
    "run.py",
    "sampler_cases.py",
    "sampler_rows.py",
    "samplers.py",
]
