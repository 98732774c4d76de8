"""Debian's nginx and HAProxy in front of a server, set up as their guides say."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.support.servers.deployment import haproxy_configuration, nginx_configuration
from tests.support.servers.process import UNPRIVILEGED, accepts, free_port, wait_until

NGINX = """
daemon off;
worker_processes 1;
error_log stderr crit;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream unplug {{ server 127.0.0.1:{server}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port};
    keepalive_timeout 60s;
    location / {{
      proxy_pass http://unplug;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 1h;
    }}
  }}
}}
"""

HAPROXY = """
global
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
  timeout http-keep-alive 60s
  http-reuse always
  option abortonclose
frontend public
  bind 127.0.0.1:{port}
  default_backend unplug
backend unplug
  server unplug 127.0.0.1:{server}
"""

Proxy: TypeAlias = Callable[[int], Any]


@contextmanager
def nginx(server: int) -> Iterator[int]:
    """In front of a server's port; the proxy's own port."""
    with _running(NGINX, server, lambda file: ["nginx", "-e", "stderr", "-c", file]) as port:
        yield port


@contextmanager
def haproxy(server: int) -> Iterator[int]:
    """In front of a server's port; the proxy's own port."""
    with _running(HAPROXY, server, lambda file: ["haproxy", "-db", "-q", "-f", file]) as port:
        yield port


@contextmanager
def deployed(name: str, nodes: tuple[int, int], *, patience: str = "1m") -> Iterator[int]:
    """nginx or HAProxy with the configuration of the guide, in front of two nodes; its port.

    `patience`: how long a connection may be quiet.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="unplug-proxy-") as folder:
        if name == "nginx":
            file = nginx_configuration(Path(folder), port, nodes)
            command = ["nginx", "-e", "stderr", "-c", str(file)]
        else:
            file = haproxy_configuration(Path(folder), port, nodes)
            command = ["haproxy", "-db", "-q", "-f", str(file)]
        for part in Path(folder).glob("*.c*f*"):
            part.write_text(re.sub(r"(timeout[\w ]*) 1m", rf"\1 {patience}", part.read_text()))
        with _started(command, folder, port):
            yield port


@contextmanager
def _running(configuration: str, server: int, command: Callable[[str], list[str]]) -> Iterator[int]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="unplug-proxy-") as folder:
        file = Path(folder) / "proxy.conf"
        file.write_text(configuration.format(folder=folder, server=server, port=port))
        with _started(command(str(file)), folder, port):
            yield port


@contextmanager
def _started(command: list[str], folder: str, port: int) -> Iterator[None]:
    program, *arguments = command
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed; it is in your system's package of that name")
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        as_user = {"user": UNPRIVILEGED, "extra_groups": []}
        shutil.chown(folder, UNPRIVILEGED)
    process = subprocess.Popen([path, *arguments], cwd=folder, **as_user)
    try:
        wait_until(lambda: accepts(port), process)
        yield
    finally:
        process.terminate()  # nginx ends its workers only when it is asked to
        try:
            process.wait(10)
        finally:
            process.kill()
            process.wait()
