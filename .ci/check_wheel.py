"""Build the wheel and try it as a user would: bare, then with each extra, in fresh environments.

Bare (attrs and cattrs alone): `import crmcore` loads nothing else, every core module imports, and
every module of an extra raises `MissingExtra` naming that extra. With one extra: its modules
import. A module that the table lists and the wheel lacks is a failure, so that the table is true.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Extra -> the modules (with all below them) that need it. Every other module is core. An extra
# without modules only brings a driver or an engine.
EXTRAS: dict[str, tuple[str, ...]] = {
    "sql": ("crmcore.adapters.sql",),
    "postgres": (),  # a driver for crmcore.adapters.sql
    "mariadb": (),  # a driver for crmcore.adapters.sql
    "mongo": ("crmcore.adapters.mongo",),
    "analytics": ("crmcore.analytics",),
    "frames": (
        "crmcore.adapters.columns.arrow",
        "crmcore.adapters.columns.fact_terms",
        "crmcore.adapters.columns.predicates",
        "crmcore.adapters.columns.segments",
        "crmcore.adapters.columns.tables",
        "crmcore.adapters.columns.texts",
        "crmcore.analytics.frames",
        "crmcore.services.frames",
    ),
    "spark": (),  # an engine for crmcore.adapters.columns
    "report": ("crmcore.report",),
    "cli": ("crmcore.cli",),
    "contact": ("crmcore.services.contact",),
    "testing": ("crmcore.testing.contract", "crmcore.testing.strategies", "crmcore_pytest"),
    "all": (),  # the others together
}
# A module inside another extra's package needs both.
INSIDE = {"crmcore.analytics.frames": "analytics"}
# Not for import: alembic runs it within a migration.
NOT_FOR_IMPORT = {"crmcore.adapters.sql.migrations.env"}
CORE = {"attrs", "cattrs", "crmcore", "typing_extensions"}
CORE_MODULES = {"attr", "attrs", "cattr", "cattrs", "crmcore", "typing_extensions"}

# Runs in the environment under test. Prints one JSON object.
PROBE = """
import importlib, importlib.metadata, json, sys
before = set(sys.modules)
import crmcore
added = {name.partition(".")[0] for name in set(sys.modules) - before}
standard = sys.stdlib_module_names
third_party = sorted(n for n in added if n not in standard and "_sysconfigdata" not in n)
outcomes = {}
for name in json.loads(sys.argv[1]):
    module, _, attribute = name.partition(":")
    try:
        loaded = importlib.import_module(module)
        if attribute:
            getattr(loaded, attribute)
        outcomes[name] = "imported"
    except Exception as error:
        extra = getattr(error, "extra", None)
        kind = type(error).__name__
        outcomes[name] = f"{kind}({extra})" if extra else f"{kind}: {error}"
installed = sorted(d.name for d in importlib.metadata.distributions())
print(json.dumps({"third_party": third_party, "installed": installed, "outcomes": outcomes}))
"""


def needs(module: str) -> tuple[str, ...]:
    """The extras that a module needs, in the order in which they are missed."""
    owners = [
        (len(listed), extra)
        for extra, modules in EXTRAS.items()
        for listed in modules
        if module == listed or module.startswith(f"{listed}.")
    ]
    outer = (INSIDE[module],) if module in INSIDE else ()
    return (*outer, max(owners)[1]) if owners else outer


def build(into: Path) -> Path:
    """The wheel of this checkout."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = into.glob("*.whl")
    return wheel


def modules_in(wheel: Path) -> list[str]:
    """Every module of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        files = [name for name in archive.namelist() if name.endswith(".py")]
    names = (name.removesuffix(".py").replace("/", ".") for name in files)
    return sorted({name.removesuffix(".__init__") for name in names} - NOT_FOR_IMPORT)


def entry_points_in(wheel: Path) -> list[str]:
    """The backends that the wheel announces, as `module:function`."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        lines = archive.read(name).decode().splitlines()
    return [line.partition("=")[2].strip() for line in lines if "=" in line]


def extras_in(wheel: Path) -> set[str]:
    """The extras that the wheel announces."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return set(message_from_bytes(archive.read(name)).get_all("Provides-Extra", []))


def probe(wheel: Path, extras: str, names: list[str], folder: Path) -> dict[str, object]:
    """Install the wheel with these extras or none, and try to import the names."""
    home = folder / (extras or "bare")
    venv.create(home, with_pip=False, symlinks=True)
    python = str(home / "bin" / "python")
    wanted = f"{wheel}[{extras}]" if extras else str(wheel)
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", wanted], check=True)
    finished = subprocess.run(
        [python, "-I", "-W", "error", "-c", PROBE, json.dumps(names)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        return {"third_party": [], "installed": [], "outcomes": {"crmcore": finished.stderr}}
    result: dict[str, object] = json.loads(finished.stdout)
    return result


def faults_of(wheel: Path, extras: str, names: list[str], folder: Path) -> list[str]:
    """What is wrong in one environment."""
    started = time.monotonic()
    found = probe(wheel, extras, names, folder)
    outcomes, installed, loaded = found["outcomes"], found["installed"], found["third_party"]
    assert isinstance(outcomes, dict)
    assert isinstance(installed, list)
    assert isinstance(loaded, list)
    where = f"with [{extras}]" if extras else "bare"
    faults = []
    for name, outcome in outcomes.items():
        missing = [e for e in needs(name.partition(":")[0]) if e not in extras.split(",")]
        wanted = f"MissingExtra({missing[0]})" if missing else "imported"
        if outcome != wanted:
            faults.append(f"{where}: {name}: expected {wanted}, got {outcome}")
    if not extras and set(installed) - CORE:
        faults.append(f"bare: more than the core was installed: {set(installed) - CORE}")
    if set(loaded) - CORE_MODULES:
        faults.append(f"{where}: `import crmcore` loads {sorted(set(loaded) - CORE_MODULES)}")
    verdict = "ok" if not faults else f"{len(faults)} faults"
    took = time.monotonic() - started
    print(f"  {extras or 'bare':17} {len(names):3} names  {took:5.1f} s  {verdict}", flush=True)
    return faults


def main() -> int:
    """Check everything; the exit status is 1 if anything is wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(folder)
        modules = modules_in(wheel)
        faults = [
            f"the table lists {listed}, which the wheel lacks"
            for listings in EXTRAS.values()
            for listed in listings
            if listed not in modules
        ]
        if extras_in(wheel) != set(EXTRAS):
            faults.append(f"the table and the wheel differ: {extras_in(wheel) ^ set(EXTRAS)}")
        jobs = [("", modules + entry_points_in(wheel))]
        for extra in EXTRAS:
            own = [module for module in modules if extra in needs(module)]
            if own:
                jobs.append((extra, own))
        both = {",".join(needs(module)): module for module in INSIDE if module in modules}
        jobs += [(extras, [module]) for extras, module in both.items()]
        with ThreadPoolExecutor(2) as pool:
            for found in pool.map(lambda job: faults_of(wheel, job[0], job[1], folder), jobs):
                faults += found
    for fault in faults:
        print(f"  {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
