"""The product's one HTTP client: every request has a deadline, every response a size.

It follows no redirects, decodes no compressed bodies, keeps no cookies and verifies certificates.
"""

from infrastructure.outbound_http.client import OutboundHttp, OutboundLimits
from infrastructure.outbound_http.problems import NoResponse, Problem
from infrastructure.outbound_http.response import OutboundResponse

__all__ = ["NoResponse", "OutboundHttp", "OutboundLimits", "OutboundResponse", "Problem"]
