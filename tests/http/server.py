"""A small HTTP store on 127.0.0.1 that can be as bad as a server may be.

`store` is its content by path. `mood(request)` is asked before each request; what it returns is how this one is answered:
None: as a store should; a number: that status and nothing else; or one of the functions here."""

import http.server
import socket
import threading
import time

CHUNK = 64 * 1024


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    @property
    def store(self):
        return self.server.store

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def take(self):
        left = int(self.headers.get("Content-Length", 0))
        parts = []
        while left > 0:
            piece = self.rfile.read(min(CHUNK, left))
            if not piece:
                raise ConnectionAbortedError("a body that was cut is none")
            parts.append(piece)
            left -= len(piece)
        return b"".join(parts)

    def plainly(self):
        """As a store should."""
        if self.command == "PUT":
            body = self.take()
            if self.headers.get("If-None-Match") == "*" and self.path in self.store:
                return self.answer(412)
            self.store[self.path] = body
            return self.answer(201)
        body = self.store.get(self.path)
        if body is None:
            return self.answer(404)
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and wanted.endswith("-"):
            at = int(wanted[6:-1])
            return self.answer(206, body[at:], Content_Range=f"bytes {at}-{len(body) - 1}/{len(body)}")
        return self.answer(200, body)

    def serve(self):
        with self.server.lock:
            self.server.seen.append((self.command, self.path, dict(self.headers)))
        mood = self.server.mood(self) if self.server.mood else None
        if mood is None:
            self.plainly()
        elif isinstance(mood, int):
            self.take()
            self.answer(mood)
        else:
            mood(self)

    do_GET = do_PUT = do_HEAD = serve


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.store, self.seen, self.mood, self.lock = {}, [], None, threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/team"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, *_):
        pass  # who is cut off, or cuts off, is not our affair

    def count(self, *commands):
        with self.lock:
            return sum(1 for command, _, _ in self.seen if command in commands)

    def entries(self):
        return sorted(p for p in self.store if "/ac/" in p)

    def objects(self):
        return sorted(p for p in self.store if "/cas/" in p)

    def vanish(self):
        self.shutdown()
        self.server_close()


# Moods


def cut(request):
    """Half of what it promises, and then the line is dead."""
    body = request.store.get(request.path, b"x" * 1000)
    request.send_response(200)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body[: len(body) // 2])
    hang_up(request)


def hang_up(request):
    request.close_connection = True
    try:
        request.wfile.flush()
        request.connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def silent(request):
    """Takes the request and never says a word."""
    request.close_connection = True
    time.sleep(30)


def dripping(request):
    """A byte now and then, of an answer that it says is there."""
    request.send_response(200)
    request.send_header("Content-Length", "100000")
    request.end_headers()
    request.close_connection = True
    try:
        for _ in range(300):
            request.wfile.write(b"x")
            request.wfile.flush()
            time.sleep(0.1)
    except OSError:
        pass


def endless(request):
    """Gigabytes, as fast as they are taken."""
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.close_connection = True
    piece = b"%x\r\n" % CHUNK + b"x" * CHUNK + b"\r\n"
    try:
        for _ in range(1 << 20):
            request.wfile.write(piece)
    except OSError:
        pass


def endless_header(request):
    request.close_connection = True
    try:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for i in range(1 << 22):
            request.wfile.write(b"X-%d: %s\r\n" % (i, b"y" * 1000))
    except OSError:
        pass


def endless_fault(request):
    """A status of failure, and gigabytes about it."""
    request.send_response(404)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.close_connection = True
    piece = b"%x\r\n" % CHUNK + b"x" * CHUNK + b"\r\n"
    try:
        for _ in range(1 << 20):
            request.wfile.write(piece)
    except OSError:
        pass


def nonsense(request):
    request.wfile.write(b"\x00\xff\x1b[31m no HTTP at all\r\n\r\n" * 3)
    hang_up(request)


def elsewhere(url):
    def redirect(request):
        request.take()
        request.answer(302, Location=url)

    return redirect
