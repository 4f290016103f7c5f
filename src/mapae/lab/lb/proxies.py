"""The load balancer in front of the nodes: HAProxy, else nginx, else a small one of the experiment's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from mapae.lab.lb.modes import NODE_COOKIE, READY_PATH
from mapae.lab.lb.tools import Balancer
from mapae.lab.servers import HOST, Server, free_port, launch

_HAPROXY = """\
global
    fd-hard-limit 20000
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 20s
    timeout http-keep-alive 60s
    timeout queue 5s
    timeout check 1s
    retries 3
    option redispatch 1
listen nodes
    bind {host}:{port}
    balance roundrobin
{sticky}    option http-buffer-request
    retry-on conn-failure empty-response
    http-request disable-l7-retry unless {{ method GET }}
    option httpchk
    http-check send meth GET uri {ready} ver HTTP/1.1 hdr Host ready
    http-check expect status 200
    default-server check inter 200ms fastinter 100ms downinter 500ms fall 2 rise 1
"""

_NGINX = """\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
{upstreams}
    map $cookie_{cookie} $chosen {{
        default all;
{sticky}
    }}
    server {{
        listen {host}:{port};
        keepalive_requests 1000000;
        location / {{
            proxy_pass http://$chosen;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_connect_timeout 1s;
            proxy_next_upstream error timeout;
        }}
    }}
}}
"""


def launch_balancer(kind: Balancer, program: Path, *, folder: Path, nodes: Sequence[int], sticky: bool) -> Server:
    """Start it on a free port, in front of the nodes on these ports.

    Args:
        sticky: whoever has the cookie of a node goes to that node while it lives.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, configuration = free_port(), folder / "configuration"
    match kind:
        case "haproxy":
            configuration.write_text(haproxy_configuration(port, nodes, sticky=sticky))
            command: list[str | Path] = [program, "-db", "-f", configuration]
        case "nginx":
            configuration.write_text(nginx_configuration(port, nodes, sticky=sticky))
            command = [program, "-p", folder, "-c", configuration, "-e", "stderr"]
        case _:
            plan = msgspec.json.encode({"port": port, "nodes": nodes, "sticky": sticky}).decode()
            command = [program, "-m", "mapae.lab.lb.balancer", plan]
    return launch(kind, command, folder=folder, port=port)


def haproxy_configuration(port: int, nodes: Sequence[int], *, sticky: bool) -> str:
    """Write HAProxy's configuration: health checks and repeating as in `deploy/haproxy`, without TLS."""
    line = f"    cookie {NODE_COOKIE}\n" if sticky else ""
    head = _HAPROXY.format(host=HOST, port=port, sticky=line, ready=READY_PATH)
    servers = [
        f"    server n{number} {HOST}:{node}{f' cookie n{number}' if sticky else ''}\n"
        for number, node in enumerate(nodes, 1)
    ]
    return head + "".join(servers)


def nginx_configuration(port: int, nodes: Sequence[int], *, sticky: bool) -> str:
    """Write nginx's configuration; without health checks, which it sells, a node goes when it does not answer."""
    server = "server {host}:{node} max_fails=1 fail_timeout=2s{backup};"
    lists = {"all": [server.format(host=HOST, node=node, backup="") for node in nodes]}
    for number, own in enumerate(nodes, 1):
        others = [server.format(host=HOST, node=node, backup=" backup") for node in nodes if node != own]
        lists[f"n{number}"] = [server.format(host=HOST, node=own, backup=""), *others]
    upstreams = "\n".join(
        f"    upstream {name} {{ {' '.join(servers)} keepalive 16; }}" for name, servers in lists.items()
    )
    choices = "\n".join(f"        n{number} n{number};" for number in range(1, len(nodes) + 1)) if sticky else ""
    return _NGINX.format(host=HOST, port=port, upstreams=upstreams, cookie=NODE_COOKIE, sticky=choices)
