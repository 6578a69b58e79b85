# SPDX-License-Identifier: Apache-2.0
# Transfers files over HTTP (whole, in chunks, compressed, in ranges, as uploads), FTP, TFTP and SMTP, and a
# certificate over TLS, on the loopback interface of a network namespace of its own, and captures it. Run by
# FileTransferTests.
#
# Reads   nothing. Argument: a folder.
# Writes  FOLDER/transfer.pcap and FOLDER/expected.json: what file, sha256sum and openssl say.
import email.message, gzip, http.client, http.server, io, json, os, shutil, smtplib, socket, ssl, struct, subprocess
import ftplib, sys, threading, time, zipfile, zlib

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


# What clients send.
uploads = {"sent.png": png(), "sent.zip": archive(), "sent.pdf": b"%PDF-1.7\n" + os.urandom(1500) + b"\n%%EOF\n"}


def brotli(body):
    return subprocess.run(["brotli", "-c"], input=body, capture_output=True, check=True).stdout


codings = {"gzip": gzip.compress, "deflate": zlib.compress}
if shutil.which("brotli"):
    codings["br"] = brotli


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        _, form, name = self.path.split("/")
        body = files[name]
        status, headers = 200, {}
        if form in codings:
            body = codings[form](body)
            headers["Content-Encoding"] = form
        if form == "range":
            first, last = (int(n) for n in self.headers["Range"].removeprefix("bytes=").split("-"))
            headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
            status, body = 206, body[first : last + 1]
        if form == "chunked":
            headers["Transfer-Encoding"] = "chunked"
            parts = [body[i : i + 700] for i in range(0, len(body), 700)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        else:
            headers["Content-Length"] = str(len(body))
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

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
        elif word == "STOR":
            say("150 go on")
            d, _ = data.accept()
            while d.recv(65536):
                pass
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


def tftp_server(s):
    while True:
        request, client = s.recvfrom(600)
        name = request[2:].split(b"\0")[0].decode()
        d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        d.bind(("127.0.0.1", 0))
        if request[1] == 1:
            tftp_send(d, client, files[name])
        else:
            d.sendto(b"\0\4\0\0", client)
            tftp_receive(d)


def tftp_send(d, peer, body):
    for block in range(len(body) // 512 + 1):
        d.sendto(struct.pack(">HH", 3, block + 1) + body[512 * block : 512 * block + 512], peer)
        d.recvfrom(600)


def tftp_receive(d):
    body = b""
    while True:
        packet, peer = d.recvfrom(600)
        body += packet[4:]
        d.sendto(b"\0\4" + packet[2:4], peer)
        if len(packet) < 516:
            return body


def tftp(opcode, name, body=None):
    d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    d.settimeout(20)
    d.sendto(struct.pack(">H", opcode) + name.encode() + b"\0octet\0", ("127.0.0.1", 69))
    if opcode == 1:
        assert tftp_receive(d) == files[name]
    else:
        _, peer = d.recvfrom(600)
        tftp_send(d, peer, body)


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
tftp_port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
tftp_port.bind(("127.0.0.1", 69))
serve(tftp_server, tftp_port)
secure = listen(443)


def tls_server():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(f"{out}/cert.pem", f"{out}/key.pem")
    c, _ = secure.accept()
    context.wrap_socket(c, server_side=True).close()


serve(tls_server)
time.sleep(0.5)
# A connection for each form, known by the client's port.
forms = {}
for form in ["plain", "chunked", "range", *codings]:
    connection = http.client.HTTPConnection("127.0.0.1")
    for name, body in files.items():
        middle = len(body) // 2
        ranges = [f"bytes=0-{middle}", f"bytes={middle + 1}-{len(body) - 1}"] if form == "range" else [None]
        got = b""
        for part in ranges:
            connection.request("GET", f"/{form}/{name}", headers={"Range": part} if part else {})
            got += connection.getresponse().read()
        assert form in codings or got == body
    forms[form] = connection.sock.getsockname()[1]
    connection.close()
connection = http.client.HTTPConnection("127.0.0.1")
for name, body in uploads.items():
    connection.request("PUT", "/" + name, body)
    connection.getresponse().read()
connection.close()
ftp = ftplib.FTP("127.0.0.1", "anonymous", "guest")
for name in files:
    ftp.retrbinary("RETR " + name, lambda _: None)
for name, body in uploads.items():
    ftp.storbinary("STOR " + name, io.BytesIO(body))
ftp.quit()
for name in files:
    tftp(1, name)
for name, body in uploads.items():
    tftp(2, name, body)
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
# On a busy machine the capture lags behind: it has all when six copies of each file are in it and it grows no more.
least, last, deadline = 6 * sum(len(body) for body in files.values()), -1, time.time() + 30
while time.time() < deadline:
    time.sleep(1)
    size = os.path.getsize(f"{out}/transfer.pcap")
    if size >= least and size == last:
        break
    last = size
tap.terminate()
tap.wait()

expected = {"files": [], "uploads": [], "forms": forms, "certificate": {}}
for name, body in (files | uploads).items():
    with open(f"{out}/{name}", "wb") as f:
        f.write(body)
    digest = lambda tool: run(tool, f"{out}/{name}").split()[0]
    expected["uploads" if name in uploads else "files"].append({
        "name": name, "mime": run("file", "--mime-type", "-b", f"{out}/{name}"), "size": len(body),
        "md5": digest("md5sum"), "sha1": digest("sha1sum"), "sha256": digest("sha256sum"),
    })
x509 = lambda *options: run("openssl", "x509", "-in", f"{out}/cert.pem", "-noout", *options).split("=", 1)[1]
expected["certificate"] = {
    "fingerprint": x509("-fingerprint", "-sha256").replace(":", "").lower(), "serial": x509("-serial"),
}
with open(f"{out}/expected.json", "w") as f:
    json.dump(expected, f)
