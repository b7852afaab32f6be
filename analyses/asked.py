"""What an analysis was asked, as ``analysis.json`` keeps it: its steps, how they stand, and one step done alone.

Files are data: of plugins and of models' files, ``analysis.json`` names those that were used, and whoever wants steps
done names them again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spatialgraph.files import digest, leader_of
from spatialgraph.marks import Standing, standing
from spatialgraph.plugins import load_all

from .runs import NO_MODELS, Models
from .scoring import Plan
from .steps import SCORES, Codes, Step, codes_of, do, steps_of

FILE = "analysis.json"

PARTS = "parts"
"""The folder of the files of steps, in the folder of the results."""


def networks_in(run: Path) -> list[Path]:
    """Return the files of the networks of a run; hidden ones are of the system, as macOS makes them on some disks."""
    return sorted((run / "networks").glob("[!.]*.h5"))


@dataclass(frozen=True)
class Asked:
    """What an analysis was asked.

    Attributes:
        results: its folder.
        run: the folder of the networks.
        plan: what is asked of each network.
        given: files of held-out examples outside the run, by their SHA-256.
        finished: whether its tables are written.
        plugins: files of the user's own whose functions are used.
        models: what runs the graphs of models.
    """

    results: Path
    run: Path
    plan: Plan
    given: Mapping[str, Path]
    finished: bool
    plugins: tuple[Path, ...] = ()
    models: Models = NO_MODELS

    @classmethod
    def read(cls, results: Path, plugins: Sequence[str | Path] = (), models: Models = NO_MODELS) -> Asked:
        """Read what an analysis was asked from its folder.

        Raises:
            FileNotFoundError: there is no ``analysis.json``.
            ValueError: it has a fault, or names plugins or a file of models that are not given.
        """
        path = results / FILE
        if not path.is_file():
            raise FileNotFoundError(f"{path}: expected what `spatialgraph analyze` was asked, found nothing")
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            files = {name: _path(results, place) for name, place in facts["files"].items()}
            run = Path(_path(results, facts["run"]))
            given = {sha256: Path(_path(results, place)) for place, sha256 in facts.get("evaluations", {}).items()}
            used = [Path(_path(results, place)) for place in facts.get("plugins", ())]
            loader = facts.get("models")
            asked: dict[str, Any] = {name: facts[name] for name in ("splits", "ablations", "metrics", "strength")}
            asked |= {"nulls": facts["nulls"], "seed": facts["seed"]}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: expected what an analysis was asked, found a fault: {error!r}") from None
        own = tuple(Path(plugin).resolve() for plugin in plugins)
        if missing := [str(plugin) for plugin in used if plugin.resolve() not in own]:
            raise ValueError(f"{path}: expected --plugin {' --plugin '.join(missing)}, which it was asked with")
        if loader is not None and models.file is None:
            raise ValueError(f"{path}: expected --models {_path(results, loader)}, which it was asked with")
        load_all(own)
        return cls(results, run, Plan(**asked, files=files), given, bool(facts.get("finished", True)), own, models)

    def steps(self, file: Path, codes: Mapping[str, Codes] | None = None) -> list[Step]:
        """Return the steps of a network, its scores first; `codes_of` the plan saves time where many are asked for."""
        parts = self.results / PARTS / file.stem
        return steps_of(self.run, file, parts, self.plan, digest(file), self.given, self.plugins, self.models, codes)

    def standings(self) -> Iterator[Standing]:
        """Yield how each step stands; what is done is opened, and whole."""
        led = leader_of(self.results) is not None
        codes = codes_of(self.plan)
        for file in networks_in(self.run):
            for step in self.steps(file, codes):
                yield standing(step.unit, step.part, done=step.is_done, led=led)

    def do(self, unit: str) -> bool:
        """Do a step, and before it the scores that it needs; return whether anything was missing.

        Args:
            unit: the name of the network and of the step, with a slash between.

        Raises:
            ValueError: there is no such step.
        """
        network, _, name = unit.rpartition("/")
        file = self.run / "networks" / f"{network}.h5"
        steps = {step.name: step for step in self.steps(file)} if network and file.is_file() else {}
        if name not in steps:
            known = ", ".join(steps) or f"networks of {self.run}"
            raise ValueError(f"{unit}: expected NETWORK/STEP ({known}), found no such step")
        needed = [step for step in (steps[SCORES], steps[name]) if not step.is_done]
        for step in dict.fromkeys(step.name for step in needed):
            do(steps[step])
        return bool(needed)


def _path(results: Path, place: str) -> str:
    """Return a path that is kept relative to the results."""
    return os.path.normpath(results / place)
