"""With nginx as the server: Debian's, with its WebDAV methods, on 127.0.0.1; plain, with a password, and with TLS."""

import functools
import os
import shutil
import socket
import subprocess
import time

from clones import ALL, Clone, check_good
from suite import Skipped, check, equal, read, write

PASSWORD = "open-sesame-17"
CONF = """\
daemon off;
pid {box}/nginx.pid;
error_log {box}/error.log notice;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    log_format ours '"$request" $status $body_bytes_sent connection $connection';
    access_log {box}/access.log ours;
    client_body_temp_path {box}/temp;
    proxy_temp_path {box}/temp-proxy;
    fastcgi_temp_path {box}/temp-fastcgi;
    uwsgi_temp_path {box}/temp-uwsgi;
    scgi_temp_path {box}/temp-scgi;
    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{port} {tls};
        {certificate}
        root {box}/store;
        location /team/ {{
            dav_methods PUT;
            create_full_put_path on;
            {login}
        }}
        location /read/ {{
            alias {box}/store/team/;
            limit_except GET HEAD {{ deny all; }}
        }}
    }}
}}
"""


class Nginx:
    def __init__(self, box, login=False, tls=False):
        self.box = box
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        for name in ("store", "temp"):
            os.makedirs(box.path(name))
        os.chmod(box.folder, 0o755)
        if login:
            hashed = subprocess.run(["openssl", "passwd", "-apr1", PASSWORD], capture_output=True, text=True, check=True).stdout.strip()
            write(box.path("users"), f"team:{hashed}\n")
        if tls:
            self.certify()
        conf = CONF.format(
            box=box.folder,
            port=self.port,
            tls="ssl http2" if tls else "",
            certificate=f"ssl_certificate {box.path('server.pem')}; ssl_certificate_key {box.path('server.key')};" if tls else "",
            login=f"auth_basic team; auth_basic_user_file {box.path('users')};" if login else "",
        )
        if os.geteuid() == 0:
            conf = "user root;\n" + conf
        write(box.path("nginx.conf"), conf)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}/team"
        self.process = subprocess.Popen([program(), "-c", box.path("nginx.conf"), "-p", box.folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait()

    def certify(self):
        """A certificate of our own, for 127.0.0.1."""
        names = ["-subj", "/CN=axmake test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.box.path("server.key"), "-out", self.box.path("server.pem")]
        subprocess.run(command + names, check=True, capture_output=True)

    def wait(self):
        until = time.monotonic() + 20
        while time.monotonic() < until:
            check(self.process.poll() is None, "nginx has ended", read(self.box.path("error.log")) if os.path.exists(self.box.path("error.log")) else "")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        check(False, "nginx does not listen")

    def log(self):
        return read(self.box.path("access.log"))

    def end(self):
        self.process.terminate()
        self.process.wait(20)


def program():
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def with_nginx(**how):
    def decorate(case):
        @functools.wraps(case)
        def run(box):
            if not program():
                raise Skipped("nginx is not installed")
            if not os.path.exists(os.path.join(os.path.dirname(box.axmake), "axmake-http")):
                raise Skipped("axmake-http was not built (libcurl4-openssl-dev and libssl-dev)")
            nginx = Nginx(box, **how)
            try:
                case(box, nginx)
            finally:
                nginx.end()

        return run

    return decorate


def two_clones(box, url, **settings):
    first = Clone(box, "first", url, **settings)
    ended = first.call()
    check_good(ended, first, first, ALL)
    equal(ended.warnings, [], ended.text)
    second = Clone(box, "second", url, **settings)
    ended = second.call()
    check_good(ended, second, first, [])
    equal(ended.warnings, [], ended.text)
    return first


@with_nginx()
def nginx_second_clone_runs_nothing(box, nginx):
    first = two_clones(box, nginx.url)
    check(" 201 " in nginx.log() and '"GET /team/cas/' in nginx.log(), nginx.log())
    third = Clone(box, "third", nginx.url.replace("/team", "/read"))
    check_good(third.call(), third, first, [])
    fourth = Clone(box, "fourth", nginx.url)
    fourth.set(cache_url=nginx.url)  # and nothing else
    check_good(fourth.call(), fourth, first, [])
    text = third.call("--doctor").text
    check("answers in" in text, text)


@with_nginx()
def nginx_that_may_only_be_read(box, nginx):
    first = Clone(box, "first", nginx.url.replace("/team", "/read"))
    ended = first.call().ok()
    check(len(ended.warnings) == 1 and "takes nothing (403)" in ended.warnings[0], ended.text)
    quiet = Clone(box, "second", nginx.url.replace("/team", "/read"), cache_push="no")
    equal(quiet.call().ok().warnings, [])


@with_nginx(login=True)
def nginx_with_a_password(box, nginx):
    refused = Clone(box, "refused", nginx.url)
    ended = refused.call().ok()
    check(len(ended.warnings) == 1 and "asks for a user and a password (401)" in ended.warnings[0], ended.text)
    write(os.path.join(box.env["HOME"], ".netrc"), f"machine 127.0.0.1 login team password {PASSWORD}\n", 0o600)
    two_clones(box, nginx.url)
    os.remove(os.path.join(box.env["HOME"], ".netrc"))
    third = Clone(box, "third", nginx.url.replace("//", f"//team:{PASSWORD}@"))
    equal(third.call().ok().ran, [])
    fourth = Clone(box, "fourth", nginx.url)
    equal(fourth.call(AXMAKE_CACHE_USER="team", AXMAKE_CACHE_PASSWORD=PASSWORD).ok().ran, [])


@with_nginx(tls=True)
def nginx_with_tls(box, nginx):
    refused = Clone(box, "refused", nginx.url)
    ended = refused.call().ok()
    check(len(ended.warnings) == 1 and "SSL peer certificate" in ended.warnings[0], ended.text)
    first = two_clones(box, nginx.url, cache_ca="../server.pem")
    for variable in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        clone = Clone(box, variable, nginx.url)
        check_good(clone.call(**{variable: box.path("server.pem")}), clone, first, [])
    # All requests of a run share one connection, on which several are under way at once.
    asked = [line.split()[-1] for line in nginx.log().splitlines() if "HTTP/2.0" in line]
    check(len(asked) >= 20 and len(set(asked)) == 4, nginx.log())


@with_nginx(tls=True, login=True)
def nginx_with_tls_a_password_and_a_key(box, nginx):
    write(box.path("key"), "0123456789abcdef0123456789abcdef")
    write(os.path.join(box.env["HOME"], ".netrc"), f"machine 127.0.0.1 login team password {PASSWORD}\n", 0o600)
    two_clones(box, nginx.url, cache_ca="../server.pem", cache_key="../key")
    write(box.path("other"), "0123456789abcdef0123456789abcdeg")
    clone = Clone(box, "third", nginx.url, cache_ca="../server.pem", cache_key="../other")
    ended = clone.call().ok()
    check(ended.ran == ALL and len(ended.warnings) == 1 and "signed with another key" in ended.warnings[0], ended.text)


@with_nginx()
def nginx_that_is_stopped_in_the_middle(box, nginx):
    n = 60
    workflow = "tasks:\n" + "".join(f"  - {{name: t{i}, run: 'sleep 0.02; seq {i + 9000} > f{i}; echo t{i} >> \"$RUNS\"', outputs: [f{i}]}}\n" for i in range(n))
    clone = Clone(box, "first", nginx.url, workflow)
    write(clone.runs, "")
    p = subprocess.Popen([box.axmake], cwd=clone.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**box.env, "RUNS": clone.runs, "no_proxy": "127.0.0.1"})
    until = time.monotonic() + 20
    while nginx.log().count("PUT") < 5 and time.monotonic() < until:
        time.sleep(0.01)
    nginx.process.terminate()  # its worker too, at once
    text = p.communicate(timeout=60)[0].decode()
    equal(p.returncode, 0, text)
    equal(len(read(clone.runs).split()), n)
    equal(text.count("axmake: warning: the shared cache"), 1, text)


@with_nginx()
def nginx_large_objects(box, nginx):
    """40 MB, three times the same, which come and go once."""
    workflow = "tasks:\n" + "".join(f"  - {{name: t{i}, run: 'seq 5000000 > f{i}; echo t{i} >> \"$RUNS\"', outputs: [f{i}]}}\n" for i in range(3))
    first = Clone(box, "first", nginx.url, workflow)
    equal(len(first.call("-j3").ok().ran), 3)
    equal(nginx.log().count('"PUT /team/cas/'), 1, nginx.log())
    second = Clone(box, "second", nginx.url, workflow)
    ended = second.call().ok()
    equal((ended.ran, ended.warnings), ([], []))
    equal(nginx.log().count('"GET /team/cas/'), 1, nginx.log())
    equal(os.path.getsize(os.path.join(second.folder, "f2")), os.path.getsize(os.path.join(first.folder, "f2")))


CASES = [
    nginx_second_clone_runs_nothing,
    nginx_that_may_only_be_read,
    nginx_with_a_password,
    nginx_with_tls,
    nginx_with_tls_a_password_and_a_key,
    nginx_that_is_stopped_in_the_middle,
    nginx_large_objects,
]
