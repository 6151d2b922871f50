"""Damage files of every kind that is read, thousands of times, and look at what comes of it.

    python scripts/fuzz.py --cases 20000 --seed 0 [--data DIR] [--jobs 2] [--out FILE]
    python scripts/fuzz.py --seed 0 --case 4711 --keep FOLDER      (one case again, its files kept)

Records of MIT-BIH, LUDB and CinC 2017 are taken from --data (or ECGRNN_DATA), simulated ones where there is
none. Case k of a seed is always the same. Each runs in a process that may take 10 s and 1 GB more than it
began with. A case is one of

    same       what was read is what the whole files say (damage in a comment, for instance)
    other      other content, in a format that has no checksum by which that could be seen
    refused    one line says what is wrong
    fault      a traceback, a hang, too much memory, a message of more than 1,600 characters or of several
               lines, or other content in silence where the file has checksums

The exit status is 1 where there is a fault. docs/reliability.md has the figures.
"""

import argparse
import gc
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from pathlib import Path

from ecgrnn.errors import EcgrnnError

sys.path.insert(0, str(Path(__file__).resolve().parent / "robustness"))
from mutations import mutated
from subject import Subject, fingerprint
from subjects import subjects

MOST_S, MOST_BYTES, MOST_LETTERS = 10.0, 10**9, 1600
FAULTS = ("traceback", "hang", "memory", "message", "silent", "died")


@dataclass(frozen=True)
class Outcome:
    """What came of a case.

    Attributes:
        case: its number.
        subject: what was damaged.
        way: how.
        kind: ``same``, ``other``, ``refused`` or one of ``FAULTS``.
        said: the message, or the end of the traceback.
    """

    case: int
    subject: str
    way: str
    kind: str
    said: str = ""


def main() -> int:
    options = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as work:
        campaign = Campaign(subjects(options.data, Path(work)), options.seed, only=options.only)
        if options.case is not None:
            print(campaign.once(options.case, options.keep, loud=True))
            return 0
        begun = time.monotonic()
        outcomes = sorted(
            run(campaign, range(options.first, options.first + options.cases), jobs=options.jobs),
            key=lambda one: one.case,
        )
        print("\n".join(table(outcomes)))
        print(f"{len(outcomes)} cases of seed {options.seed} in {time.monotonic() - begun:.0f} s")
    faults = [one for one in outcomes if one.kind in FAULTS]
    for one in faults[:200]:
        print(f"case {one.case}: {one.kind}: {one.subject}: {one.way}: {one.said[-300:]}")
    if options.out is not None:
        options.out.write_text(json.dumps([asdict(one) for one in outcomes], indent=0))
    return 1 if faults else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    here = os.environ.get("ECGRNN_DATA")
    parser.add_argument(
        "--data", type=Path, default=None if here is None else Path(here), help="real databases"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="subjects whose name this regular expression finds")
    parser.add_argument("--out", type=Path, help="write all outcomes here, as JSON")
    parser.add_argument("--case", type=int, help="run this case only, in this process")
    parser.add_argument("--keep", type=Path, help="with --case: leave the damaged files in this folder")
    return parser.parse_args()


class Campaign:
    """Cases by number: what is damaged, how, and what came of it.

    Args:
        those: what may be damaged.
        seed: of the campaign.
        only: part of the names of those that are.
    """

    def __init__(self, those: Sequence[Subject], seed: int, *, only: str = "") -> None:
        self.subjects = [one for one in those if re.search(only, one.name)]
        self.seed = seed
        self.others = [part for one in those for part in one.files.values()]
        self.whole = {one.name: self._whole(one) for one in self.subjects}

    def _whole(self, subject: Subject) -> str:
        """Read the files that are whole, and see that the same comes of it twice."""
        with tempfile.TemporaryDirectory(prefix="whole-") as first, tempfile.TemporaryDirectory() as again:
            found = [_used(subject, subject.files, Path(folder)) for folder in (first, again)]
        if found[0] != found[1]:
            raise ValueError(f"{subject.name}: the same files gave two results")
        return found[0]

    def once(self, case: int, keep: Path | None = None, *, loud: bool = False) -> Outcome:
        """Run a case in this process."""
        rng = random.Random(f"{self.seed}/{case}")
        subject = rng.choices(self.subjects, [one.weight for one in self.subjects])[0]
        name = rng.choice(subject.damaged)
        content, way = mutated(subject.files[name], rng, self.others)
        way = f"{name}: {way}"
        folder = Path(tempfile.mkdtemp(prefix="case-")) if keep is None else keep
        try:
            kind, said = self._kind(subject, {**subject.files, name: content}, folder)
        except EcgrnnError as error:
            kind, said = _of_refusal(error)
        except MemoryError as error:
            kind, said = "memory", repr(error)
        except Exception:
            kind, said = "traceback", traceback.format_exc()
        finally:
            if keep is None:
                shutil.rmtree(folder, ignore_errors=True)
        return Outcome(case, subject.name, way, kind, said if loud else said[-1500:])

    def _kind(self, subject: Subject, files: dict[str, bytes], folder: Path) -> tuple[str, str]:
        if _used(subject, files, folder) == self.whole[subject.name]:
            return "same", ""
        return ("silent", "other content than the whole files") if subject.sure else ("other", "")


def _used(subject: Subject, files: dict[str, bytes], folder: Path) -> str:
    for name, content in subject.pack(files).items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return fingerprint(subject.use(folder))


def _of_refusal(error: EcgrnnError) -> tuple[str, str]:
    """Say of what kind a refusal is; one that hides a want of memory is a fault."""
    said = str(error)
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, MemoryError):
            return "memory", said
        link = link.__cause__ or link.__context__
    lines = [line for line in said.splitlines() if line.strip()]
    if len(lines) != 1 or len(said) > MOST_LETTERS or (not said.isascii() and not _printable(said)):
        return "message", said
    return "refused", said


def _printable(said: str) -> bool:
    return not any(ord(letter) < 32 for letter in said)


def run(campaign: Campaign, cases: Sequence[int], *, jobs: int) -> Iterator[Outcome]:
    """Run cases in worker processes; one that hangs or dies is begun anew behind its case."""
    gc.collect()
    gc.freeze()  # what is there by now is shared with the workers
    at_once = max(min(jobs, len(cases)), 1)
    waiting = {}
    for worker in (Worker(campaign, cases[at::at_once]) for at in range(at_once)):
        waiting[worker.pipe] = worker
    while waiting:
        for pipe in wait_for(list(waiting), timeout=0.5):
            worker = waiting[pipe]
            outcome = worker.received()
            if outcome is not None:
                yield outcome
            if worker.ended:
                del waiting[pipe]
        for worker in list(waiting.values()):
            if worker.waited_s > MOST_S:
                yield worker.stopped("hang")
            elif not worker.alive:
                yield worker.stopped("died")
            else:
                continue
            del waiting[worker.pipe]
            if worker.left:
                follower = Worker(campaign, worker.left)
                waiting[follower.pipe] = follower


class Worker:
    """A process that runs cases one after the other and sends what came of each."""

    def __init__(self, campaign: Campaign, cases: Sequence[int]) -> None:
        context = get_context("fork")
        self.pipe, theirs = context.Pipe(duplex=False)
        self.left = list(cases)
        self.ended = not self.left
        self._process = context.Process(target=_work, args=(campaign, self.left, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._since = time.monotonic()

    @property
    def waited_s(self) -> float:
        """For how long its case has been running."""
        return time.monotonic() - self._since

    @property
    def alive(self) -> bool:
        return self._process.is_alive() or self.pipe.poll()

    def received(self) -> Outcome | None:
        """Take an outcome; None where the process is at its end."""
        try:
            outcome: Outcome = self.pipe.recv()
        except EOFError:
            self.ended = not self.left
            return None
        self.left = self.left[1:]
        self._since = time.monotonic()
        self.ended = not self.left
        return outcome

    def stopped(self, why: str) -> Outcome:
        """End the process, and give the case it was at."""
        case, *self.left = self.left
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()
        code = self._process.exitcode
        self.pipe.close()
        return Outcome(case, "?", "?", why, f"run it with --case {case}; exit status {code}")


def _work(campaign: Campaign, cases: Sequence[int], pipe: Connection) -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    warnings.simplefilter("error")  # what is printed by the way is no clear line
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    limit = pages * resource.getpagesize() + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)  # of libraries in C
    for case in cases:
        pipe.send(campaign.once(case))
    pipe.close()


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """Count outcomes by subject."""
    kinds = ("same", "other", "refused", *FAULTS)
    counts = Counter((one.subject, one.kind) for one in outcomes)
    names = sorted({one.subject for one in outcomes})
    head = ["damaged", "cases", *kinds]
    rows = [
        [name, str(sum(counts[name, kind] for kind in kinds)), *(str(counts[name, kind]) for kind in kinds)]
        for name in names
    ]
    total = ["all", str(len(outcomes)), *(str(sum(one.kind == kind for one in outcomes)) for kind in kinds)]
    lines = [head, ["---"] * len(head), *rows, total]
    return [f"| {' | '.join(cells)} |" for cells in lines]


if __name__ == "__main__":
    raise SystemExit(main())
