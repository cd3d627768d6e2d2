"""A run needs no privileges: another user, no network, a read-only home and scenario, one folder to write."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="bench/ is not part of this distribution")


def test_optimize_writes_nothing_outside_its_output_and_tmpdir() -> None:
    command = [sys.executable, "-m", "bench.least_privilege"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode == 2:
        # Without root or namespaces the limits cannot be set, and the tool says so.
        assert ended.stderr.startswith("bench.least_privilege: needs "), ended.stderr
        return
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    assert found["user"] == 65534
    assert all(found["refused"][place] for place in ("home", "scenario", "tmp", "network"))
    assert found["n_files"] >= 20
