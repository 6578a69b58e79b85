# SPDX-License-Identifier: Apache-2.0
# Transfers files over HTTP, FTP and SMTP, and a certificate over TLS, on the loopback interface of a
# network namespace of its own, and captures it. Run by FileTransferTests.
#
# Reads   nothing. Argument: a folder.
# Writes  FOLDER/transfer.pcap and FOLDER/expected.json: what file, sha256sum and openssl say.
import email.message, hashlib, http.client, http.server, io, json, os, smtplib, socket, ssl, struct, subprocess, sys
import ftplib, threading, time, zipfile, zlib

out = sys.argv[1]


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = b"".join(b"\0" + os.urandom(192) for _ in range(64))
    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def archive():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as z:
        z.writestr("one.txt", os.urandom(20000))
    return buffer.getvalue()


files = {
    "picture.png": png(),
    "paper.pdf": b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n" + os.urandom(3000) + b"\n%%EOF\n",
    "small.gif": bytes.fromhex("47494638396101000100800000ffffff0000002c00000000010001000002024401003b"),
    "archive.zip": archive(),
    "script.sh": b"#!/bin/sh\n" + b"echo hello\n" * 400,
}


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = files[self.path[1:]]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def listen(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen()
    return s


def ftp_server(s):
    c, _ = s.accept()
    f = c.makefile("rwb", buffering=0)
    say = lambda text: f.write(text.encode() + b"\r\n")
    say("220 ready")
    data = None
    for line in f:
        word, _, argument = line.decode().strip().partition(" ")
        if word == "USER":
            say("331 password")
        elif word == "PASS":
            say("230 in")
        elif word == "PASV":
            data = listen(0)
            port = data.getsockname()[1]
            say(f"227 go (127,0,0,1,{port >> 8},{port & 255})")
        elif word == "RETR":
            say(f"150 {len(files[argument])} octets")
            d, _ = data.accept()
            d.sendall(files[argument])
            d.close()
            data.close()
            say("226 done")
        elif word == "QUIT":
            say("221 bye")
            break
        else:
            say("200 ok")
    c.close()


def mail_server(s):
    c, _ = s.accept()
    f = c.makefile("rwb", buffering=0)
    say = lambda text: f.write(text.encode() + b"\r\n")
    say("220 mail.test ESMTP")
    for line in f:
        word = line.decode().strip().upper()[:4]
        if word == "DATA":
            say("354 go on")
            while f.readline().rstrip(b"\r\n") != b".":
                pass
            say("250 taken")
        elif word == "QUIT":
            say("221 bye")
            break
        else:
            say("250 ok")
    c.close()


def serve(target, *arguments):
    threading.Thread(target=target, args=arguments, daemon=True).start()


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, **options).stdout.decode().strip()


run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{out}/key.pem", "-out", f"{out}/cert.pem",
    "-subj", "/CN=transfer.test", "-days", "30", "-addext", "subjectAltName=DNS:transfer.test")
tap = subprocess.Popen(
    ["tcpdump", "-i", "lo", "--immediate-mode", "-B", "65536", "-U", "-s", "0", "-w", f"{out}/transfer.pcap"],
    stderr=subprocess.PIPE)
tap.stderr.readline()
web = http.server.ThreadingHTTPServer(("127.0.0.1", 80), Web)
serve(web.serve_forever)
serve(ftp_server, listen(21))
serve(mail_server, listen(25))
secure = listen(443)


def tls_server():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(f"{out}/cert.pem", f"{out}/key.pem")
    c, _ = secure.accept()
    context.wrap_socket(c, server_side=True).close()


serve(tls_server)
time.sleep(0.5)
connection = http.client.HTTPConnection("127.0.0.1")
for name in files:
    connection.request("GET", "/" + name)
    assert connection.getresponse().read() == files[name]
connection.close()
ftp = ftplib.FTP("127.0.0.1", "anonymous", "guest")
for name in files:
    ftp.retrbinary("RETR " + name, lambda _: None)
ftp.quit()
message = email.message.EmailMessage()
message["From"], message["To"], message["Subject"] = "a@test", "b@test", "files"
message.set_content("see below\n")
for name, body in files.items():
    message.add_attachment(body, maintype="application", subtype="octet-stream", filename=name)
with smtplib.SMTP("127.0.0.1", 25) as s:
    s.send_message(message)
context = ssl.create_default_context(cafile=f"{out}/cert.pem")
with socket.create_connection(("127.0.0.1", 443)) as s:
    context.wrap_socket(s, server_hostname="transfer.test").close()
# On a busy machine the capture lags behind: it has all when three copies of each file are in it and it grows no more.
least, last, deadline = 3 * sum(len(body) for body in files.values()), -1, time.time() + 30
while time.time() < deadline:
    time.sleep(1)
    size = os.path.getsize(f"{out}/transfer.pcap")
    if size >= least and size == last:
        break
    last = size
tap.terminate()
tap.wait()

expected = {"files": [], "certificate": {}}
for name, body in files.items():
    with open(f"{out}/{name}", "wb") as f:
        f.write(body)
    digest = lambda tool: run(tool, f"{out}/{name}").split()[0]
    expected["files"].append({
        "name": name, "mime": run("file", "--mime-type", "-b", f"{out}/{name}"), "size": len(body),
        "md5": digest("md5sum"), "sha1": digest("sha1sum"), "sha256": digest("sha256sum"),
    })
x509 = lambda *options: run("openssl", "x509", "-in", f"{out}/cert.pem", "-noout", *options).split("=", 1)[1]
expected["certificate"] = {
    "fingerprint": x509("-fingerprint", "-sha256").replace(":", "").lower(), "serial": x509("-serial"),
}
with open(f"{out}/expected.json", "w") as f:
    json.dump(expected, f)
