"""What the kernel itself holds every process of a sandbox to."""

import resource


def set_each(limits: list[str]) -> None:
    """Limits as `FSIZE:1048576`, by their names in getrlimit(2); nothing in the sandbox can raise them again."""
    for name, _, number in (each.partition(":") for each in limits):
        kind = getattr(resource, f"RLIMIT_{name}")
        (_, most), wanted = resource.getrlimit(kind), int(number)
        lowest = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(kind, (lowest, lowest))
