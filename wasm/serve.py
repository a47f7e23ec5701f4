#!/usr/bin/env python3
"""A web server for pages with a module, on this machine only.

    wasm/serve.py FOLDER [--port=8000] [--no-isolation]

Sends what a browser insists on: the right types (a module script that is no
text/javascript and a .wasm that is no application/wasm are refused) and the
headers of cross-origin isolation, without which there are no threads.
"""

import argparse
import http.server
import sys
import threading

TYPES = {
    "": "application/octet-stream",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}
ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A browser that went away in the middle is no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def start_server(folder, port=0, headers=None, types=None, statuses=None):
    """Serves `folder` on a thread of its own; returns the server.

    Args:
      folder: what to serve.
      port: 0 for any that is free: see `server_port` of the result.
      headers: sent with every file, such as ISOLATION.
      types: instead of some of TYPES.
      statuses: path -> an HTTP status instead of the file.
    """

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        extensions_map = {**TYPES, **(types or {})}

        def __init__(self, *args):
            super().__init__(*args, directory=folder)

        def do_GET(self):
            status = (statuses or {}).get(self.path)
            if status is None:
                super().do_GET()
            else:
                self.send_error(status)

        def end_headers(self):
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Cache-Control", "no-cache")
            super().end_headers()

        def log_message(self, *args):
            pass

    server = _Server(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--no-isolation", action="store_true")
    options = parser.parse_args()
    headers = {} if options.no_isolation else ISOLATION
    server = start_server(options.folder, options.port, headers)
    print("http://127.0.0.1:%d/" % server.server_port, flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.shutdown()


if __name__ == "__main__":
    main()
