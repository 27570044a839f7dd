"""Jobs on this machine alone, for the system tests: a folder to work in, and what runs there.
Standard library only, as harness.py."""

import os
import pathlib
import shutil
import textwrap

import harness
from harness import check, equal


class Place:
    """A folder to work in, with a /tmp and a mark of its own: whatever has the mark in its
    environment descends from a job that was started here."""

    places = 0

    def __init__(self, folder):
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        Place.places += 1
        self.mark = f"TORCHELASTIC_TEST_MARK={os.getpid()}.{Place.places}"
        name, _, value = self.mark.partition("=")
        self.environment = {"PATH": os.environ["PATH"], "TMPDIR": str(self.temporary), name: value}

    def start(self, *arguments, argv0="torchelastic", command=("run", "--standalone"),
              environment=(), run=(), **options):
        """`run`: what is to start the program, as setpriv(1) does."""
        program = harness.program("bin/torchelastic") if argv0 == "torchelastic" else argv0
        return harness.Job([*run, program, *command, *arguments], cwd=self.folder,
                           env={**self.environment, **dict(environment)}, **options)

    def run(self, *arguments, limit=60, **options):
        return self.start(*arguments, **options).wait(limit)

    def shell(self, script, *options, workers=2, **more):
        """Workers of a shell script."""
        return self.start(f"--nproc-per-node={workers}", *options, "--no-python", "sh", "-c",
                          script, **more)

    def script(self, name, text):
        """A program in the folder."""
        path = self.folder / name
        path.write_text(textwrap.dedent(text).lstrip())
        path.chmod(0o755)
        return path

    def empty(self, name):
        """A folder in the folder, without anything in it."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        return path

    def processes(self):
        """What runs with the mark: {pid: its line in /proc/PID/stat}."""
        found = {}
        for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                if self.mark.encode() in path.read_bytes().split(b"\0"):
                    words = (path.parent / "stat").read_text()
                    found[int(path.parent.name)] = words
            except (OSError, ProcessLookupError):
                pass  # it has just gone
        return {pid: words for pid, words in found.items() if ") Z " not in words}

    def children(self, parent):
        return [pid for pid, words in self.processes().items()
                if int(words.rpartition(")")[2].split()[1]) == parent]

    def agent_of(self, keeper):
        children = self.children(keeper)
        equal(len(children), 1, "children of the keeper")
        return children[0]

    def workers_of(self, keeper):
        """The pids of a job's workers, by local rank. What they left to the agent is younger."""
        processes = self.processes()
        found = {}
        for pid in sorted(self.children(self.agent_of(keeper)), key=lambda each: (
                int(processes[each].rpartition(")")[2].split()[19]), each)):
            words = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            for each in words:
                if each.startswith(b"LOCAL_RANK="):
                    found.setdefault(int(each[11:]), pid)
        return found

    def expect_nothing_left(self, output, limit=0):
        harness.wait_until(lambda: not self.processes(), limit, "no process is left",
                           lambda: f"{self.processes()}\n{output}")

    def expect_no_files(self, output):
        equal(list(self.temporary.iterdir()), [], "files left in $TMPDIR", output)

    def marks(self, name):
        return list(self.folder.glob(name + ".[0-9]"))

    def forget(self):
        for path in self.folder.glob("*.[0-9]"):
            path.unlink()


def workers_words(output):
    """The lines of the console that the launcher itself did not write about OMP_NUM_THREADS."""
    return [line for line in output.splitlines() if "OMP_NUM_THREADS" not in line]


def run_cases(promise, cases, limit=300):
    """A test of several cases, each with a place of its own, after which nothing is left."""
    def test():
        for case in cases:
            harness.step(case.__name__.replace("_", " "))
            with harness.scratch() as folder:
                place = Place(folder)
                case(place)
                place.expect_nothing_left(case.__name__, 1)
                place.expect_no_files(case.__name__)
        check(cases, "there are cases")
    harness.main(promise, test, limit)
