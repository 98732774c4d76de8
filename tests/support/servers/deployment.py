"""The files of `docs/deploy`, made to run on this machine's free ports."""

import re
from pathlib import Path

DEPLOY = Path(__file__).parents[3] / "docs/deploy"

_NGINX = """
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
  include {folder}/unplug.conf;
}}
"""
"""What a distribution's own nginx.conf does around `conf.d`."""


def nginx_configuration(folder: Path, port: int, nodes: tuple[int, int]) -> Path:
    """Without TLS, in front of two nodes."""
    text = _with_nodes((DEPLOY / "nginx.conf").read_text(), nodes)
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    (folder / "unplug.conf").write_text(re.sub(r"  ssl_certificate.*\n", "", text))
    file = folder / "nginx.conf"
    file.write_text(_NGINX.format(folder=folder))
    return file


def haproxy_configuration(folder: Path, port: int, nodes: tuple[int, int]) -> Path:
    """Without TLS, in front of two nodes."""
    text = _with_nodes((DEPLOY / "haproxy.cfg").read_text(), nodes)
    file = folder / "haproxy.cfg"
    file.write_text(re.sub(r"bind :443 .*", f"bind 127.0.0.1:{port}", text))
    return file


def _with_nodes(text: str, nodes: tuple[int, int]) -> str:
    for given, port in zip(("127.0.0.1:8000", "127.0.0.1:8010"), nodes, strict=True):
        assert given in text
        text = text.replace(given, f"127.0.0.1:{port}")
    return text
