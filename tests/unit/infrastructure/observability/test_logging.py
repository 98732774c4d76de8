"""Every entry, of any logger, is one line of JSON on stderr without a secret in it."""

import json
import subprocess
import sys

SCRIPT = r"""
import logging, sys, uuid, warnings
import structlog
from infrastructure.observability.logging import configure_logging

early = structlog.get_logger("early")
configure_logging()
log = structlog.get_logger("unplug")
early.info("early")
log.debug("not shown")
structlog.contextvars.bind_contextvars(request_id="r1")
log.info("answered", user_id=uuid.UUID(int=7), operation="Disconnect", seconds=0.25, token_count=3)
structlog.contextvars.clear_contextvars()
log.info("named", token="hunter2", credentials={"a": "hunter2"}, data=b"hunter2",
         headers={"Authorization": "hunter2"}, deep=[{"api_key": "hunter2"}],
         encrypted_data="hunter2", cookie="hunter2")
log.info("shaped Bearer hunter2", a="eyJhbGciOiJIUzI1NiJ9.hunter2.hunter2",
         b="postgres://me:hunter2@db/x", c=["authorization: bearer hunter2"],
         d="gAAAAABlhunter2hunter2hunter2hunter2hunter2hunter2hunter2==")
log.info("odd", a=2**80, b="\ud800", c={1: {2, 2}}, d=object)
logging.getLogger("library").warning("postgres://me:%s@db/x failed", "hunter2")
logging.getLogger("uvicorn.error").info('"WebSocket /graphql?query=hunter2" [accepted]')
warnings.warn("careful")
try:
    raise RuntimeError("no shape gives hunter2 away")
except RuntimeError:
    log.exception("broke")
    logging.getLogger("library").exception("broke too")
print("stdout stays clean", flush=True)
"""


def test_the_log_is_json_lines_without_secrets() -> None:
    python = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(python, capture_output=True, text=True, check=True)
    assert done.stdout == "stdout stays clean\n"
    assert "hunter2" not in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    events = [line["event"] for line in lines]
    assert events[:4] == ["early", "answered", "named", "shaped Bearer [redacted]"]
    assert all({"level", "logger", "timestamp"} <= line.keys() for line in lines)

    answered, named, shaped, odd, library, warned, broke, broke_too = lines[1:]
    assert answered["request_id"] == "r1"
    assert answered["user_id"] == "00000000-0000-0000-0000-000000000007"
    assert answered["operation"] == "Disconnect"
    assert (answered["seconds"], answered["token_count"]) == (0.25, 3)
    assert named["token"] == named["headers"]["Authorization"] == "[redacted]"
    assert shaped["b"] == "postgres://[redacted]@db/x"
    assert odd["a"] == 2**80
    assert library["event"] == "postgres://[redacted]@db/x failed"
    assert "careful" in warned["event"]
    for exceptions in (broke["exception"], broke_too["exception"]):
        assert [raised["type"] for raised in exceptions] == ["RuntimeError"]
        assert "<string>" in exceptions[0]["at"][0]
