"""A stand-in for Elasticsearch that only reads and answers: `python3 sink.py PORT [STORE]` on loopback.

With STORE it also keeps every document under its id, answers 409 to an id that it has, and writes ids and documents
there when it is told to by GET /_dump; so that a replay can be compared with what the database yields.
"""

import gzip
import http.server
import json
import sys
import threading

VERSION = "8.15.0"
FIELD = "golang.heap.gc.pause.histogram"
kept = {}
repeated = 0
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    keeps = False

    def log_message(self, *_):
        pass

    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if "_mapping/field" in self.path:
            mapping = {"full_name": FIELD, "mapping": {"histogram": {"type": "histogram"}}}
            stream = self.path.split("/")[1]
            self.answer({f".ds-{stream}-2026.01.01-000001": {"mappings": {FIELD: mapping}}})
        elif "_data_stream" in self.path:
            name = self.path.split("/")[2].split("?")[0]
            indices = [{"index_name": f".ds-{name}-2026.01.01-000001"}]
            self.answer({"data_streams": [{"name": name, "indices": indices}]})
        elif self.path == "/_dump":
            self.answer({"kept": kept, "repeated": repeated})
        else:
            self.answer({"name": "sink", "cluster_uuid": "sink", "version": {"number": VERSION}})

    def do_PUT(self):
        self.answer({"acknowledged": True})

    def do_POST(self):
        global repeated
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        items = []
        lines = body.split(b"\n")
        for action, document in zip(lines[0::2], lines[1::2]):
            create = json.loads(action)["create"]
            status = 201
            if self.keeps:
                with lock:
                    if create["_id"] in kept:
                        status, repeated = 409, repeated + 1
                    else:
                        kept[create["_id"]] = document.decode()
            index = f".ds-{create['_index']}-2026.01.01-000001"
            items.append({"create": {"_index": index, "_id": create["_id"], "status": status}})
        self.answer({"errors": False, "items": items})


if __name__ == "__main__":
    Handler.keeps = len(sys.argv) > 2
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
