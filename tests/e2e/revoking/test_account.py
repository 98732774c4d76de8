"""An account is deleted: the back end sees what is left to wait for, and when all of it is over."""

import threading
import time
from uuid import UUID

from uuid_utils.compat import uuid7

from tests.e2e.revoking.site import Site
from tests.e2e.serving.test_back_ends import DISCONNECT_ALL, Services
from tests.support.network.revoking_provider import DEADLINE, Provider, Reply

USER = UUID(int=1)
LIST = """query ($user: ID) { connections(userId: $user) {
  edges { node { status revocation { status } } } } }"""


def test_a_deletion_is_over_when_no_revocation_is_pending(site: Site) -> None:
    confirmed = threading.Event()

    def answer(_token: str) -> Reply:
        confirmed.wait(DEADLINE)
        return Reply()

    with Provider(answer) as provider:
        site.catalogue(bank={"endpoint": provider.url})
        site.connect(*((USER, "bank", {"refresh_token": f"token-{n}"}) for n in range(2)))
        with site.serve(SERVICE_ADDRESS="127.0.0.1:0") as node:
            services = Services(node)

            def pending() -> int:
                given = {"userId": str(USER), "batchId": batch_id, "note": "Account deleted"}
                done = services.data(DISCONNECT_ALL, input=given)
                assert (done["batchId"], done["disconnected"], done["failed"]) == (batch_id, 2, 0)
                return int(done["pendingRevocations"])

            def shown() -> set[tuple[str, str]]:
                nodes = [edge["node"] for edge in services.data(LIST, user=str(USER))["edges"]]
                return {(each["status"], each["revocation"]["status"]) for each in nodes}

            batch_id = str(uuid7())
            assert pending() == 2
            assert shown() == {("DISCONNECTED", "PENDING")}
            confirmed.set()
            until = time.monotonic() + DEADLINE
            while ("DISCONNECTED", "PENDING") in shown():
                assert time.monotonic() < until, "still pending"
            assert shown() == {("DISCONNECTED", "ACCEPTED")}
            assert pending() == 0
