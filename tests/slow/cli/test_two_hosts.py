"""Two machines never write the same run folder, whether or not file locks work on their shared disk."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="bench/ is not part of this distribution")


def test_one_machine_writes_and_the_other_is_rejected() -> None:
    command = [sys.executable, "-m", "bench.two_hosts", "--rounds", "3"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode == 2:
        # Without root or name spaces there are no two machines, and the tool says so.
        assert ended.stderr.startswith("bench.two_hosts: needs "), ended.stderr
        return
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads(ended.stdout)["rounds"] == {
        locks: {"refused+written": 3} for locks in ("shared", "local", "none")
    }
