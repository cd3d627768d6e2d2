"""Jobs: a failed job does not stop the others, processes end with their parent, and a cluster loses no job."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing import active_children
from pathlib import Path

import pytest
from click.testing import CliRunner

from ccs_model.analysis.jobs import Job, Scheduler, results_of, shard_of, share_of
from ccs_model.cli import group
from ccs_model.errors import FileError, InputError, NoPlanError

WORK = """
import os, pathlib, signal, time
from ccs_model.errors import NoPlanError

class Squares:
    def __init__(self, folder=None):
        self.folder = folder
    def opened(self):
        if self.folder is not None:
            (pathlib.Path(self.folder) / f"opened-{os.getpid()}").touch()
        return self.answer
    def answer(self, task):
        if task == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "bug":
            raise ValueError("what is this")
        if task == "no plan":
            raise NoPlanError("no time")
        if isinstance(task, tuple):
            time.sleep(task[1])
            return task[0] ** 2
        return task ** 2
"""


@pytest.fixture
def squares(tmp_path, monkeypatch):
    """A task class whose module the worker processes can import."""
    (tmp_path / "squaring.py").write_text(WORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    sys.modules.pop("squaring", None)
    import squaring

    yield squaring.Squares
    sys.modules.pop("squaring", None)


def test_a_job_that_fails_or_dies_does_not_stop_the_others(squares, tmp_path):
    tasks = [1, "bug", 3, "die", 5, "no plan", 7]
    jobs = [Job(str(k), task) for k, task in enumerate(tasks)]
    ended = {each.key: each for each in results_of(jobs, squares(tmp_path), n_processes=2)}
    assert {key: each.result for key, each in ended.items() if each.failure is None} == {
        "0": 1,
        "2": 9,
        "4": 25,
        "6": 49,
    }
    assert "signal 9" in ended["3"].failure.message
    assert ended["1"].failure.message == "internal error: ValueError: what is this"
    assert ended["5"].failure.exit_code == NoPlanError.exit_code
    # Opened once per process, not once per job: two processes, and two more for the job that died twice.
    assert len(list(tmp_path.glob("opened-*"))) <= 4


def test_closing_the_iterator_stops_running_jobs(squares):
    before = set(Path(tempfile.gettempdir()).glob("ccs-model-*"))
    results = results_of([Job(str(k), (k, 0.01 if k == 0 else 60)) for k in range(4)], squares(), n_processes=2)
    assert next(results).key == "0"
    began = time.monotonic()
    results.close()
    assert time.monotonic() - began < 20
    assert not active_children()
    assert set(Path(tempfile.gettempdir()).glob("ccs-model-*")) <= before


def test_processes_end_with_their_parent(squares, tmp_path):
    script = (
        "from ccs_model.analysis.jobs import Job, results_of\n"
        "from squaring import Squares\n"
        f"for each in results_of([Job('1', (1, 60)), Job('2', (2, 60))], Squares({str(tmp_path)!r}), n_processes=2):\n"
        "    pass\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    _wait_until(lambda: len(list(tmp_path.glob("opened-*"))) == 2)
    pids = [int(path.name.removeprefix("opened-")) for path in tmp_path.glob("opened-*")]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _wait_until(lambda: not any(_is_running(pid) for pid in pids))


def test_shards_contain_every_job_once():
    jobs = list(range(11))
    shares = [share_of(jobs, (i, 3)) for i in (1, 2, 3)]
    assert sorted(job for share in shares for job in share) == jobs
    assert shard_of("2/3") == (2, 3)
    for wrong in ("0/3", "4/3", "a/b", "3", "1/"):
        with pytest.raises(InputError):
            shard_of(wrong)
    for outside in ((0, 3), (4, 3), (-1, 3), (1, 0)):
        with pytest.raises(InputError, match="from 1 to n"):
            share_of(jobs, outside)


@pytest.mark.cluster
@pytest.mark.filterwarnings("default")
def test_a_cluster_whose_worker_is_killed_loses_no_job(squares, tmp_path):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        jobs = [Job(str(k), (k, 0.2)) for k in range(16)]
        found = {}
        for each in results_of(jobs, squares(tmp_path), scheduler=cluster.scheduler_address):
            found[each.key] = each
            if len(found) == 3:
                pid = int(next(tmp_path.glob("opened-*")).name.removeprefix("opened-"))
                os.kill(pid, signal.SIGKILL)
    assert {key: each.result for key, each in found.items()} == {str(k): k**2 for k in range(16)}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A folder with PEM files: an authority (ca), its certificate (own), and one of another authority (other)."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], cwd=folder, check=True, capture_output=True)

    for name, authority in (("ca", None), ("other-ca", None), ("own", "ca"), ("other", "other-ca")):
        key = ("-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-subj", f"/CN={name}")
        if authority is None:
            openssl("req", "-x509", "-days", "2", *key, "-out", f"{name}.pem")
        else:
            openssl("req", *key, "-out", f"{name}.csr")
            signed = ("-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", "2")
            openssl("x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem")
    return folder


@pytest.mark.cluster
@pytest.mark.filterwarnings("default")
def test_a_cluster_over_tls_loses_no_job_and_accepts_only_its_own_certificates(
    squares, certificates, tmp_path, monkeypatch
):
    distributed = pytest.importorskip("distributed")
    pem = {"tls_ca": certificates / "ca.pem", "tls_cert": certificates / "own.pem", "tls_key": certificates / "own.key"}
    roles = {f"tls_{role}_{part}": str(pem[f"tls_{part}"]) for role in ("scheduler", "worker", "client")
             for part in ("cert", "key")}  # fmt: skip
    security = distributed.Security(tls_ca_file=str(pem["tls_ca"]), require_encryption=True, **roles)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50,
        security=security, protocol="tls://",
    ) as cluster:  # fmt: skip
        address = cluster.scheduler_address
        assert address.startswith("tls://")
        jobs = [Job(str(k), (k, 0.2)) for k in range(16)]
        found = {}
        for each in results_of(jobs, squares(tmp_path), scheduler=Scheduler(address, **pem)):
            found[each.key] = each
            if len(found) == 3:
                pid = int(next(tmp_path.glob("opened-*")).name.removeprefix("opened-"))
                os.kill(pid, signal.SIGKILL)
        assert {key: each.result for key, each in found.items()} == {str(k): k**2 for k in range(16)}
        monkeypatch.setattr("ccs_model.analysis.jobs._CONNECT_S", 2)
        untrusted = {"tls_cert": certificates / "other.pem", "tls_key": certificates / "other.key"}
        for scheduler in (
            address.replace("tls://", "tcp://"),
            address,
            Scheduler(address, **{**pem, **untrusted}),
            Scheduler(address, **{**pem, "tls_ca": certificates / "other-ca.pem"}),
        ):
            with pytest.raises(FileError, match="no scheduler answers"):
                list(results_of(jobs, squares(), scheduler=scheduler))


@pytest.mark.cluster
def test_certificates_that_cannot_be_read_are_named(squares, certificates, tmp_path):
    pytest.importorskip("distributed")
    pem = {"tls_ca": certificates / "ca.pem", "tls_cert": certificates / "own.pem", "tls_key": certificates / "own.key"}
    (tmp_path / "text.pem").write_text("no certificate\n")
    for part, path, error in (
        ("tls_ca", tmp_path / "none.pem", "cannot read .*none.pem: No such file"),
        ("tls_key", tmp_path, "cannot read .*: Is a directory"),
        ("tls_cert", Path("/dev/zero"), "cannot read /dev/zero: it is not a regular file"),
        ("tls_ca", tmp_path / "text.pem", "text.pem: is not a PEM file of TLS"),
        ("tls_key", certificates / "ca.key", "own.pem: is not a PEM file of TLS, or key and certificate differ"),
    ):
        with pytest.raises(FileError, match=error):
            list(results_of([Job("1", 1)], squares(), scheduler=Scheduler("tls://127.0.0.1:9", **{**pem, part: path})))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--scheduler", "tls://h:1"], "needs --tls-ca, --tls-cert and --tls-key"),
        (["--scheduler", "tls://h:1", "--tls-ca", "a"], "needs --tls-ca, --tls-cert and --tls-key"),
        (["--scheduler", "tcp://h:1", "--tls-ca", "a"], "need --scheduler tls://"),
        (["--tls-ca", "a", "--tls-cert", "b", "--tls-key", "c"], "need --scheduler tls://"),
    ],
)
@pytest.mark.parametrize("command", ["sweep", "montecarlo"])
def test_tls_needs_all_files_and_a_tls_address(command, options, error):
    answer = CliRunner().invoke(group, [command, "s.yaml", *options])
    assert answer.exit_code == 2 and error in " ".join(answer.output.split())


@pytest.mark.cluster
@pytest.mark.filterwarnings("default")
def test_a_missing_scheduler_is_reported(squares, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("ccs_model.analysis.jobs._CONNECT_S", 1)
    with pytest.raises(FileError, match="no scheduler answers"):
        list(results_of([Job("1", 1)], squares(), scheduler="tcp://127.0.0.1:9"))


def _is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie process has ended, although its parent has not collected it.
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def _wait_until(condition, timeout_s=60):
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s
        time.sleep(0.05)
