"""No request leads into the operator's own network, by whichever name or spelling."""

from pathlib import Path

import pytest

from domain.token_revocation import TryLater, UnreadableCredentials
from infrastructure.outbound_http import OutboundHttp
from tests.integration.providers.revoking import ACCEPTED, REFRESH, SHORT, revoker
from tests.support.network.certificates import Authority
from tests.support.network.quirk_server import quirk_server

PRIVATE = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"]
REFUSED = {"refresh_token": TryLater("address_refused")}


@pytest.mark.parametrize("host", PRIVATE)
async def test_a_host_from_credentials_never_has_the_loopbacks_exemption(
    tmp_path: Path, host: str
) -> None:
    authority = Authority(tmp_path)
    async with quirk_server(tls=authority.server()) as server:
        tenant = {"endpoint": "{data.url}/revoke", "hosts": [host.strip("[]")]}
        data = {"refresh_token": REFRESH, "url": server.url("", host)}
        async with revoker(server, OutboundHttp(SHORT, tls=authority.client()), **tenant) as revoke:
            assert await revoke.revoke("acme", data) == REFUSED
            plain = {**data, "url": f"http://{host}:{server.port}"}
            with pytest.raises(UnreadableCredentials):
                await revoke.revoke("acme", plain)
    assert not server.received


async def test_a_label_from_credentials_leads_to_no_private_address(tmp_path: Path) -> None:
    """Names below `localhost` are this machine's, and a public name may resolve to one as well."""
    authority = Authority(tmp_path)
    async with quirk_server(tls=authority.server()) as server:
        endpoint = f"https://{{data.shop}}.localhost:{server.port}/revoke"
        tenant = {"endpoint": endpoint, "hosts": ["*.localhost"]}
        async with revoker(server, OutboundHttp(SHORT, tls=authority.client()), **tenant) as revoke:
            answers = await revoke.revoke("acme", {"refresh_token": REFRESH, "shop": "acme"})
    assert answers["refresh_token"] in (TryLater("address_refused"), TryLater("unreachable"))
    assert not server.received


@pytest.mark.parametrize("host", PRIVATE[2:])
async def test_an_endpoint_that_maps_a_private_address_is_refused(
    tmp_path: Path, host: str
) -> None:
    authority = Authority(tmp_path)
    async with quirk_server(tls=authority.server()) as server:
        http = OutboundHttp(SHORT, tls=authority.client())
        async with revoker(server, http, endpoint=server.url("/revoke", host)) as revoke:
            assert await revoke.revoke("acme", {"refresh_token": REFRESH}) == REFUSED
    assert not server.received


@pytest.mark.parametrize("allowed", [False, True])
async def test_the_catalogue_may_allow_a_private_address(tmp_path: Path, allowed: bool) -> None:
    authority = Authority(tmp_path)
    async with quirk_server(tls=authority.server()) as server:
        endpoint = server.url("/revoke", "[::ffff:127.0.0.1]")
        keys = {"endpoint": endpoint, "private_addresses": allowed}
        async with revoker(server, OutboundHttp(SHORT, tls=authority.client()), **keys) as revoke:
            answers = await revoke.revoke("acme", {"refresh_token": REFRESH})
        expected = TryLater("certificate") if allowed else TryLater("address_refused")
        assert answers == {"refresh_token": expected}  # the certificate is for 127.0.0.1
        async with revoker(server, OutboundHttp(SHORT, tls=authority.client())) as revoke:
            assert await revoke.revoke("acme", {"refresh_token": REFRESH}) == {
                "refresh_token": ACCEPTED
            }
