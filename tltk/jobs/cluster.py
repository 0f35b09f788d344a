"""A Ray cluster as one who asks it sees it: Ray Jobs by their REST API, over `requests` alone.

A run there is `python -m tltk.run FOLDER`, as everywhere; its folder lies on a disk that every node sees. That it lives
is told by the heartbeat in that folder: a process number means nothing on another machine, and a node that has lost the
cluster but not the disk still beats.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import os
import platform
import re
import shlex
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tltk import home
from tltk.errors import BadSpec, RunProblem, TltkError, UnknownName, truncate
from tltk.runs.process import is_alive
from tltk.runs.run import ACTIVE, BEAT_SECONDS, LOCK, SILENT_SECONDS, Run, Status
from tltk.specs.knobs import Spec
from tltk.specs.training import TransferSpec

if TYPE_CHECKING:
    import requests

SCHEMES = ("ray", "ray+https")  # what begins an address
ASKED = ("gpus", "memory_gb", "python")  # what an address may say of each run
PORT = 8265  # of Ray's dashboard, which serves its jobs
ANSWER_SECONDS = 30.0  # that the cluster may take to answer
LOOK_SECONDS = 1.0  # seconds for which what the cluster says of its jobs is taken to hold
LOST_SECONDS = (
    2.5 * BEAT_SECONDS
)  # without a sign of life, after which a run whose node Ray has lost is begun elsewhere
UNSEEN_SECONDS = 120.0  # that a job may run without a word in the run's folder before that is said
MOST_PENDING = (
    8  # jobs of one queue that wait in Ray: enough for it to see what is wanted; others wait where turns count
)
MOST_LOST = 5  # times that a run is begun elsewhere before it counts as what breaks its nodes
STUDY_MEMORY_GB = 1.0  # of a process that plans and waits
PREFIX = "tltk-"  # begins the names of our jobs
PENDING, RUNNING = "PENDING", "RUNNING"
STOPPED = -15  # exit code of a process that was asked to end
TAKEN = "already exists"  # what Ray says of a name that a job has
LOST, NEVER = "lost", "never"  # how a job ended: with its node; before it had begun
TOKEN_FILE = "~/.ray/auth_token"  # where Ray itself looks for it
REFUSED = 75  # exit code of a worker that found another at its run
NEVER_BEGUN = ("JOB_SUPERVISOR_ACTOR_START_TIMEOUT", "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE")

End = int | str  # the exit code of its process, LOST or NEVER


class Unreachable(RunProblem):
    """The cluster does not answer; what runs there goes on."""


@dataclass(frozen=True)
class Place:
    """A cluster, and what each run asks of it.

    Attributes:
        url: Of Ray's dashboard.
        gpus: Share of a GPU that a training asks for; None = a whole one where the cluster has any.
        memory_gb: That a training or a question asks for.
        python: The command that is Python on the nodes.
    """

    url: str
    gpus: float | None = None
    memory_gb: float = 2.0
    python: str = "python"

    @classmethod
    def read(cls, text: str) -> Place:
        """The place that `ray://HOST:PORT?gpus=0.5&memory_gb=4&python=python3` names; `ray+https://` where it has TLS.

        Raises:
            BadSpec, UnknownName: It names none.
        """
        example = "such as ray://HOST:8265 or ray://HOST:8265?gpus=0.5&memory_gb=4"
        try:
            parts = urlsplit(text)
            address, host = parts.scheme, parts.hostname or ""
            if address in SCHEMES and "@" in text:  # before anything is said of its parts
                raise BadSpec(
                    "The address of a Ray cluster must hold no user, password or token, since pages and logs show it. "
                    f"Got {truncate(shown(text))!r}; leave out what stands before the @, and set RAY_AUTH_TOKEN."
                )
            port = PORT if parts.port is None else parts.port
            asked = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
            is_none = address not in SCHEMES or parts.path.strip("/") or parts.fragment or not port
            if is_none or not _is_host(host) or re.search(r"[\s\x00-\x1f]", text.partition("?")[0]):
                raise ValueError
        except BadSpec:
            raise
        except ValueError:
            raise BadSpec(f"A Ray cluster must be an address, {example}. Got {truncate(shown(text))!r}.") from None
        for name in asked:
            if name not in ASKED:
                raise UnknownName.among("What a run asks of a cluster", name, ASKED)
        gpus = _number("gpus", asked["gpus"]) if "gpus" in asked else None
        python = asked.get("python") or cls.python
        if not re.fullmatch(r"[\w./~+-]+", python):  # it is written into a command
            raise BadSpec(f"python must be one word, such as /opt/tltk/bin/python. Got {truncate(python)!r}.")
        memory = _number("memory_gb", asked["memory_gb"]) if "memory_gb" in asked else cls.memory_gb
        scheme = "https" if address == "ray+https" else "http"
        name = f"[{host}]" if ":" in host else host
        return cls(f"{scheme}://{name}:{port}", gpus, memory, python)

    def share(self, spec: Spec, has_gpus: bool) -> dict[str, float]:
        """What a run asks for, as Ray calls it: a study plans and waits, a question waits for no training's CPU or GPU.

        Of several processes each has a GPU of its own; without GPUs each has the threads of a run.

        Args:
            spec: Of the run.
            has_gpus: Whether the cluster has any GPU.
        """
        if spec.trains and not isinstance(spec, TransferSpec):
            return _ask(0, 0, STUDY_MEMORY_GB)
        if not isinstance(spec, TransferSpec):
            return _ask(0, 0, self.memory_gb)
        optim, wanted = spec.optim, float(has_gpus) if self.gpus is None else self.gpus
        gpus = 0.0 if optim.device == "cpu" else float(optim.processes) if wanted and optim.processes > 1 else wanted
        return _ask(optim.threads * (1 if gpus else optim.processes), gpus, self.memory_gb)


def shown(address: str) -> str:
    """An address as pages, sentences and logs have it: without what may be a password or a token."""
    text = re.sub(r"://.*@", "://…@", address, flags=re.DOTALL)
    known = "|".join(ASKED)
    text = re.sub(rf"([?&](?!(?:{known})=)[^=&#]*=)[^&#]*", r"\1…", text)
    return re.sub(r"#.+", "#…", text, flags=re.DOTALL)


def _is_host(name: str) -> bool:
    """Whether a machine can be called so: by letters, digits and dots, or by the number of an address."""
    if ":" in name:
        with contextlib.suppress(ValueError):
            return bool(ipaddress.IPv6Address(name))
        return False
    try:
        name.encode("idna")  # as whoever looks for it does
    except UnicodeError:
        return False
    return re.fullmatch(r"[\w.-]+", name) is not None


def _ask(cpus: float, gpus: float, memory_gb: float) -> dict[str, float]:
    return {
        "entrypoint_num_cpus": cpus,
        "entrypoint_num_gpus": gpus,
        "entrypoint_memory": int(memory_gb * 1e9),
    }


def _number(name: str, text: str) -> float:
    try:
        found = float(text)
        if not (0 <= found < 1e6 and (name == "gpus" or found > 0)) or (found > 1 and name == "gpus" and found % 1):
            raise ValueError
    except ValueError:
        rule = "0 to 1, or a whole number of GPUs" if name == "gpus" else "a number of gigabytes above 0"
        raise BadSpec(f"{name} must be {rule}. Got {truncate(text)!r}.") from None
    return found


class _About(msgspec.Struct, frozen=True):
    """What tltk notes on a job of its own."""

    tltk_run: str = ""
    tltk_home: str = ""
    tltk_study: str = ""


class Told(msgspec.Struct, frozen=True):
    """What Ray says of a job, as far as it is read here."""

    status: str
    submission_id: str | None = None
    message: str | None = None
    error_type: str | None = None
    driver_exit_code: int | None = None
    metadata: Annotated[dict[str, Any], msgspec.Meta(description="What whoever submitted it noted.")] | None = None

    @property
    def is_active(self) -> bool:
        """Whether it waits or runs."""
        return self.status in (PENDING, RUNNING)

    @property
    def is_pending(self) -> bool:
        """Whether it waits for room."""
        return self.status == PENDING

    @property
    def about(self) -> _About:
        """What tltk noted on it; empty where another program's it is."""
        try:
            return msgspec.convert(self.metadata or {}, _About)
        except msgspec.ValidationError:
            return _About()


GONE = Told("GONE")


class Cluster:
    """The jobs of this home on a Ray cluster.

    Args:
        address: As `TLTK_EXECUTOR` has it.
        look_s: Seconds for which what the cluster says of its jobs is taken to hold.
        answer_s: Seconds that it may take to answer.

    Raises:
        BadSpec: The address is none.
    """

    def __init__(self, address: str, look_s: float = LOOK_SECONDS, answer_s: float = ANSWER_SECONDS) -> None:
        self.address, self.place, self.look_s = address, Place.read(address), look_s
        self._answer_s = answer_s
        self._jobs: dict[str, Told] = {}
        self._asked_at = -float("inf")
        self._ran = dict[str, float]()  # jobs that run → since when that is known
        self._new: dict[str, float] = {}  # jobs that the last list may not have yet, and when they were submitted

    @cached_property
    def _session(self) -> requests.Session:
        import requests  # not before a cluster is asked: a supervisor of this machine alone is small

        return requests.Session()

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """What the cluster answers.

        Raises:
            Unreachable: It does not.
            RunProblem: It does not know us.
        """
        url, token = f"{self.place.url}{path}", _token()

        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            """The one way by which `requests` takes nothing for it from the user's .netrc."""
            if token:
                request.headers["Authorization"] = f"Bearer {token}"
            return request

        try:
            # Whoever answers from elsewhere, such as a page for logging in, is not the cluster.
            answer = self._session.request(
                method, url, auth=sign, timeout=self._answer_s, allow_redirects=False, **options
            )
        except (OSError, ValueError, http.client.HTTPException) as fault:  # of requests; of those that it rests on
            raise Unreachable(
                f"The Ray cluster must answer at {self.place.url}. It does not ({type(fault).__name__}); what runs "
                "there goes on, what waits is begun once it answers."
            ) from None
        if answer.status_code in (401, 403):
            raise RunProblem(
                f"The Ray cluster at {self.place.url} must be given its token. It refused "
                f"{'the one given' if token else 'to answer without'}; set RAY_AUTH_TOKEN to the cluster's."
            )
        if answer.status_code >= 500 and TAKEN not in answer.text:  # as while its head has yet to start all of itself
            raise Unreachable(
                f"The Ray cluster at {self.place.url} must be able to do what it is asked. It is not now: "
                f"{_reason(answer)} It is asked again."
            )
        if answer.is_redirect:
            raise self.is_another(answer)
        return answer

    def is_another(self, answer: requests.Response) -> Unreachable:
        """The sentence for what no dashboard of Ray answers."""
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        return Unreachable(
            f"{self.place.url} must be Ray's dashboard, which has port {PORT} unless it was told otherwise. Another "
            f"program answers there (HTTP {answer.status_code}{f', {truncate(kind, 40)}' if kind else ''}); put the "
            "address right."
        )

    def has_gpus(self) -> bool:
        """Whether any node of it has a GPU now."""
        answer = self.ask("GET", "/api/cluster_status")
        try:
            return bool(answer.json()["data"]["clusterStatus"]["loadMetricsReport"]["usage"]["GPU"][1])
        except (ValueError, LookupError, TypeError):
            return False

    def submit(self, run: Run, study: str = "") -> str:
        """Hand a run to the cluster, and say so in its status.

        Args:
            run: Which; nobody runs it.
            study: Id of the study that wants it.

        Returns:
            The name of the job.

        Raises:
            Unreachable: The cluster does not answer; the run waits.
            RunProblem: It does not take the job.
        """
        spec = run.spec
        wanted = self.place.gpus is None and isinstance(spec, TransferSpec) and spec.optim.device != "cpu"
        share = self.place.share(spec, wanted and self.has_gpus())
        name = f"{PREFIX}{run.id}-{uuid.uuid4().hex[:8]}"
        environment = {
            "TLTK_HOME": str(home.home()),
            "TLTK_EXECUTOR": self.address,
            "TLTK_THREADS": str(max(int(share["entrypoint_num_cpus"]), 1)),
            "TLTK_NICE": "0",  # nobody looks at pages on a node
            # Ray hides GPUs from who asked for some; from who asked for none, only some versions do.
            **({} if share["entrypoint_num_gpus"] else {"CUDA_VISIBLE_DEVICES": ""}),
        }
        log = shlex.quote(str(run.path / "log.txt"))
        job = {
            # `exec`: the shell becomes the worker, which then hears SIGTERM itself.
            "entrypoint": f"exec {self.place.python} -m tltk.run {shlex.quote(str(run.path))} >>{log} 2>&1",
            "submission_id": name,
            "runtime_env": {"env_vars": environment},
            "metadata": {"tltk_run": run.id, "tltk_home": str(home.home()), "tltk_study": study},
            **share,
        }
        run.write_status(state="waiting", message=_waits(share), pid=0, host=self.place.url)  # it is not lost here
        self.post(job, name, f"run {run.id}")
        return name

    def post(self, job: dict[str, Any], name: str, what: str) -> None:
        """Hand over a job.

        Args:
            job: As Ray's REST API takes it.
            name: Its own.
            what: It is, for the sentence.

        Raises:
            Unreachable: The cluster does not answer, or is none.
            RunProblem: It does not take it.
        """
        for once_more in (True, False):
            try:
                answer = self.ask("POST", "/api/jobs/", json=job)
            except Unreachable:
                if once_more:
                    continue  # it may have been heard: the same name is not taken twice
                raise
            if _names(answer, name) or (not answer.ok and TAKEN in answer.text):
                self._new[name] = time.monotonic()
                return
            break
        if answer.ok or answer.status_code in (404, 405) or _is_page(answer):
            raise self.is_another(answer)
        raise RunProblem(f"The Ray cluster must take {what}. It did not: {_reason(answer)}")

    def jobs(self) -> dict[str, Told]:
        """All jobs that the cluster knows, by name, as of `look_s` ago at most.

        Raises:
            Unreachable, RunProblem: It does not say.
        """
        now = time.monotonic()
        if now - self._asked_at > self.look_s:
            answer = self.ask("GET", "/api/jobs/")
            try:
                found = msgspec.json.decode(answer.content, type=list[Told])
            except msgspec.MsgspecError:
                raise self.is_another(answer) from None
            self._asked_at = now
            self._jobs = {job.submission_id: job for job in found if job.submission_id}
            self._new = {name: at for name, at in self._new.items() if name not in self._jobs and now - at < 60}
            running = (name for name, job in self._jobs.items() if job.status == RUNNING)
            self._ran = {name: self._ran.get(name, now) for name in running}
        return self._jobs

    def told(self, name: str) -> Told:
        """What it says of one job; `GONE` where it knows it no more."""
        found = self.jobs().get(name)
        return found or (Told(PENDING) if name in self._new else GONE)

    def active(self, run_id: str = "", study: str = "") -> dict[str, str]:
        """The jobs of this home that wait or run: run → name.

        Args:
            run_id: Only of this run.
            study: Only what this study wants.
        """
        own, found = str(home.home()), {}
        for name, job in self.jobs().items():
            about = job.about
            if job.is_active and about.tltk_home == own and about.tltk_run and study in ("", about.tltk_study):
                found[about.tltk_run] = name
        return {run: name for run, name in found.items() if run_id in ("", run)}

    def n_pending(self, names: set[str]) -> int:
        """How many of these jobs wait for room."""
        return sum(self.told(name).is_pending for name in names)

    def end(self, run: Run, name: str) -> End | None:
        """How a job ended: the exit code of its process, `LOST` or `NEVER`; None while it waits, runs, or may run.

        Raises:
            Unreachable, RunProblem: The cluster does not say.
        """
        told = self.told(name)
        if told.is_active:
            return None
        code = {"SUCCEEDED": 0, "STOPPED": STOPPED}.get(told.status, told.driver_exit_code)
        if code is not None and (code < 0 or code > 128):
            return code if code < 0 else 128 - code  # a shell says 137 for −9
        if is_beating(run):
            return None  # its node is cut off but goes on, or another job has the run
        if code is not None and code != REFUSED:
            return code
        # A head that is new at its address knows no job; one that had begun may have gone on, and was heard above.
        is_forgotten = told is GONE and _is_unbegun(run.written_status())
        return NEVER if is_forgotten or told.error_type in NEVER_BEGUN else LOST

    def why(self, name: str) -> str:
        """The last line that Ray has of a job that could not begin."""
        return _last_line(self.told(name).message or "")

    def check_began(self, run: Run, name: str) -> None:
        """Refuse a job whose process ended and never came to say a word.

        Raises:
            RunProblem: It did not.
        """
        if _is_unbegun(run.written_status()):
            raise RunProblem(
                f"Every node of the cluster must have tltk, and see {home.home()} at that very path. Run {run.id} "
                f"could not begin there: {self.why(name) or 'nothing was said'}"
            )

    def tell_unseen(self, run: Run, name: str) -> None:
        """Say so where a job has run for a while and nothing of it is seen in the run's folder."""
        if time.monotonic() - self._ran.get(name, float("inf")) < UNSEEN_SECONDS:
            return
        status = run.written_status()
        message = (
            f"Every node of the cluster must see {home.home()} as it is here. Ray runs this run on one of them, and "
            "nothing of that is seen here: the node may have another disk at that path, or be very slow. "
            f"`tltk runs stop {run.id}` ends it."
        )
        if _is_unbegun(status) and status.message != message:
            run.write_status(message=message)

    def stop(self, name: str) -> None:
        """Ask the job's process to end (SIGTERM), and after Ray's own patience make it (SIGKILL)."""
        self.ask("POST", f"/api/jobs/{name}/stop")

    def leave_study(self, study: Run) -> None:
        """Stop what a study that is no more has asked for, and let Ray forget what was done for it."""
        for name in self.active(study=study.id).values():
            self.stop(name)
        own = str(home.home())
        for name, job in list(self.jobs().items()):
            if job.about.tltk_study == study.id and job.about.tltk_home == own:
                self.forget_done(name)
        self.end_unbegun([Run.at(child.id) for child in study.children()], study.id)

    def end_unbegun(self, runs: Sequence[Run], study: str) -> None:
        """Say of the trainings that a study wanted and that have not begun that nobody begins them any more.

        Args:
            runs: Its children.
            study: Its id; what another one has handed over waits on.
        """
        own, wanted = str(home.home()), set[str]()
        with contextlib.suppress(TltkError):
            about = [job.about for job in self.jobs().values() if job.is_active]
            wanted = {one.tltk_run for one in about if one.tltk_home == own and one.tltk_study != study}
        for run in runs:
            status = run.written_status()
            if _is_unbegun(status) and status.host == self.place.url and run.id not in wanted:
                home.remove(run.stop_file)
                run.write_status(state="stopped", message="Its study ended before it began; it can be resumed.")

    def forget_done(self, name: str) -> bool:
        """Let Ray forget a job that did what it should; whether it has ended.

        One that failed stays: somebody may want to look at it.
        """
        told = self.told(name)
        if told.status == "SUCCEEDED":
            self.forget(name)
        return not told.is_active

    def forget(self, name: str) -> None:
        """Take a job that has ended off Ray's list, which else grows for ever."""
        self.ask("DELETE", f"/api/jobs/{name}")
        self._jobs.pop(name, None)


def is_beating(run: Run) -> bool:
    """Whether the process that has the run lives: by its number on this machine, by its heartbeat on another."""
    status = run.written_status()
    if status.state != "running" and not (status.state == "waiting" and status.pid):  # as `tell_unheard` leaves it
        return False
    if status.host == platform.node():
        return is_alive(status.pid, status.pid_born)
    return run.silence() < LOST_SECONDS


def tell_unheard(run: Run, url: str) -> None:
    """Say of a run whose cluster tells nothing that it is not known whether it runs, unless it shows signs of life.

    Its process number stays, and so does the time of its last sign of life: `hear` takes it back at the next one.

    Args:
        run: Which.
        url: Of the cluster.
    """
    status, path = run.written_status(), run.path / "status.json"
    if status.state == "running" and not run.is_run(status):
        with contextlib.suppress(OSError):
            beaten = path.stat().st_mtime_ns
            run.write_status(
                state="waiting",
                message=f"The Ray cluster at {url} must tell how this run stands. It does not answer, and the run has "
                f"shown no sign of life for {SILENT_SECONDS:g} s or more: whether it still runs is not known. It goes "
                "on from its last checkpoint once the cluster answers; look whether its head is up.",
            )
            beaten += 1_000_000  # a millisecond, so that whoever knows the file by its time reads it anew
            os.utime(path, ns=(beaten, beaten))


def hear(run: Run) -> None:
    """Say of a run of which nothing was known that it runs, where it does."""
    status = run.written_status()
    if status.state == "waiting" and status.pid and is_beating(run):
        run.write_status(state="running", message="")


def _is_unbegun(status: Status) -> bool:
    """Whether a run was handed over and no process has had it since."""
    return status.state == "waiting" and not status.pid


def take_from_lost(run: Run) -> None:
    """Let a run whose node was lost be begun elsewhere: it waits, and nobody has it.

    A disk of the network may keep the locks of a machine that is gone for long. That nobody writes there any more has
    been told by the heartbeat.
    """
    message = "Its node was lost; it goes on from its last checkpoint on another."
    run.write_status(state="waiting", message=message, pid=0)  # its host stays: this machine does not have it
    home.remove(run.path / LOCK)


def is_over(run: Run) -> bool:
    """Whether its folder says that it ended, however that was."""
    return run.written_status().state not in ACTIVE


def _waits(share: dict[str, float]) -> str:
    cpus, gpus, memory = (share[f"entrypoint_{name}"] for name in ("num_cpus", "num_gpus", "memory"))
    asked = [f"{cpus:g} CPU{'s' * (cpus != 1)}"] * bool(cpus) + [f"{gpus:g} GPU{'s' * (gpus > 1)}"] * bool(gpus)
    return f"Handed to the cluster; it needs {', '.join([*asked, f'{memory / 1e9:g} GB of memory'])} there."


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return truncate(lines[-1].strip(), 300) if lines else ""


def _is_page(answer: requests.Response) -> bool:
    """Whether it is made for a browser, which no answer of Ray's to us is."""
    return "html" in answer.headers.get("Content-Type", "") or answer.text.lstrip()[:1] == "<"


def _reason(answer: requests.Response) -> str:
    """What an answer says was wrong: its last line, unless it is a page."""
    said = "" if _is_page(answer) else _last_line(answer.text)
    return said or f"HTTP {answer.status_code} {answer.reason or ''}".rstrip() + "."


def _names(answer: requests.Response, name: str) -> bool:
    """Whether it says that the job of this name was taken."""
    try:
        return bool(answer.ok and answer.json()["submission_id"] == name)
    except (ValueError, LookupError, TypeError):
        return False


def _token() -> str:
    """The cluster's, from where Ray itself looks for it; empty where there is none.

    Raises:
        RunProblem: What lies there can be none.
    """
    token = os.environ.get("RAY_AUTH_TOKEN", "").strip()
    if not token:
        try:
            token = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or TOKEN_FILE).expanduser().read_text().strip()
        except (OSError, RuntimeError, ValueError):
            return ""
    if re.fullmatch(r"[!-~]*", token) is None:
        raise RunProblem(
            "The token of a Ray cluster must be one word of ASCII characters. What RAY_AUTH_TOKEN, or the file of the "
            "token, holds is not; copy it again, as `ray get-auth-token` prints it."
        )
    return token
