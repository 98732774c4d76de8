"""Many connections end at once: their providers are asked at the pace of the catalogue."""

import json
import subprocess
import threading
import time
from bisect import bisect_left
from collections.abc import Mapping
from uuid import UUID

from tests.e2e.revoking.site import Site
from tests.support.network.revoking_provider import Provider, Reply
from tests.support.processes import UNPLUG, environment, unplug

EACH = 100
PER_SECOND = 50
CONCURRENCY = 2
ANSWER_SECONDS = 0.02
DONE = "ProviderTokenRevocationSucceeded"


class CountingProvider:
    """Takes its time to answer, and counts how many requests it has at a time."""

    def __init__(self) -> None:
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def answer(self, _token: str) -> Reply:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(ANSWER_SECONDS)
        with self._lock:
            self._now -= 1
        return Reply()


def wait_for_outcomes(site: Site, count: int) -> None:
    """Until that many revocations have succeeded."""
    with subprocess.Popen(
        [UNPLUG, "events", "--follow"],
        cwd=site.folder,
        env=environment(**site.settings),
        stdout=subprocess.PIPE,
    ) as following:
        assert following.stdout is not None
        found = 0
        for line in following.stdout:
            found += json.loads(line)["type"] == DONE
            if found == count:
                break
        following.kill()
    assert found == count


def test_a_bulk_disconnect_asks_each_provider_at_its_own_pace(site: Site) -> None:
    slow = CountingProvider()
    with Provider() as paced, Provider(slow.answer) as narrow:
        keys: Mapping[str, object] = {"preset": "rfc7009", "concurrency": 50, "per_second": 1000}
        site.catalogue(
            paced={**keys, "endpoint": paced.url, "per_second": PER_SECOND},
            narrow={**keys, "endpoint": narrow.url, "concurrency": CONCURRENCY},
        )
        site.connect(
            *(
                (UUID(int=1 + n), slug, {"refresh_token": f"{slug}-{n}"})
                for n in range(EACH)
                for slug in ("paced", "narrow")
            )
        )
        with site.serve():
            done = unplug(
                "disconnect",
                *("--connected-before", "2100-01-01T00:00:00Z", "--expect", str(2 * EACH)),
                cwd=site.folder,
                **site.settings,
            )
            assert done.returncode == 0, done.stderr
            wait_for_outcomes(site, 2 * EACH)
    assert set(paced.tokens) == {f"paced-{n}" for n in range(EACH)}
    assert set(narrow.tokens) == {f"narrow-{n}" for n in range(EACH)}
    began = sorted(asked.began for asked in paced.asked)
    in_a_second = max(bisect_left(began, first + 1) - n for n, first in enumerate(began))
    assert in_a_second <= PER_SECOND * 1.2  # what was asked on time may arrive late, and together
    assert slow.most <= CONCURRENCY
