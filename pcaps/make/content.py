#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make what the servers of the laboratory serve: pages, pictures, documents.

Reads   a folder's name.
Writes  FOLDER/web/SITE/... and FOLDER/files/...: the same bytes on every run.
Leaves  no trace of real documents: the words are drawn from a list.
"""
import gzip
import os
import random
import struct
import sys
import zipfile
import zlib

WORDS = ("stream weir gauge river level bank stone water measure flow bridge meadow reed current tide basin "
         "channel sluice gate keeper morning report quarter budget meeting harbour lamp window paper garden").split()
SITES = {"news": (6, 5), "shop": (5, 6), "static": (2, 8), "intranet": (4, 2)}
random_source = random.Random(20)


def sentence_text(count):
    sentences = []
    for _ in range(count):
        words = random_source.choices(WORDS, k=random_source.randint(6, 14))
        sentences.append(" ".join(words).capitalize() + ".")
    return " ".join(sentences)


def png(width, height):
    """A picture in true colour with soft noise, so that it compresses as a photograph does."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            rows += bytes(((x * 255 // width + random_source.randint(0, 15)) & 255, y * 255 // height,
                           random_source.randint(90, 105)))

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(bytes(rows), 6)) + chunk(b"IEND", b""))


def pdf(size):
    """A document of one empty page, and a stream of noise that gives it its size."""
    noise = random_source.randbytes(size)
    return (b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
            b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
            b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\n"
            + f"4 0 obj<</Length {len(noise)}>>stream\n".encode() + noise
            + b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")


def save(path, body):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(body.encode() if isinstance(body, str) else body)


def site(folder, name, pages, pictures):
    for number in range(pictures):
        save(f"{folder}/img/{number}.png", png(random_source.randint(40, 120), random_source.randint(40, 90)))
    save(f"{folder}/style.css", "".join(f".c{n} {{ margin: {n}px; padding: {n * 2}px; }}\n" for n in range(90)))
    save(f"{folder}/app.js", "".join(f"function f{n}(x) {{ return x * {n}; }}\n" for n in range(120)))
    save(f"{folder}/favicon.ico", b"\0\0\1\0\1\0\x10\x10" + random_source.randbytes(1142))
    for number in range(pages):
        images = "".join(f'<img src="/img/{random_source.randrange(pictures)}.png" alt="">' for _ in range(3))
        links = "".join(f'<a href="/page{n}.html">Page {n}</a> ' for n in range(1, pages))
        body = (f'<!doctype html><html><head><title>{name} {number}</title><link rel="stylesheet" href="/style.css">'
                f'<script src="/app.js"></script></head><body><h1>{name}</h1>{links}{images}'
                f"<p>{sentence_text(60)}</p></body></html>\n")
        save(f"{folder}/{f'page{number}' if number else 'index'}.html", body)


def main():
    folder = sys.argv[1]
    for name, (pages, pictures) in SITES.items():
        site(f"{folder}/web/{name}", name, pages, pictures)
    save(f"{folder}/web/static/handbook.pdf", pdf(160_000))
    save(f"{folder}/web/static/tool.tar.gz", gzip.compress(random_source.randbytes(120_000), mtime=0))
    save(f"{folder}/web/static/setup.exe", b"MZ\x90\0" + bytes(56) + struct.pack("<I", 64) + b"PE\0\0"
         + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x22) + random_source.randbytes(90_000))
    save(f"{folder}/web/static/feed.json", '{"items": [' + ", ".join(
        f'{{"id": {n}, "title": "{sentence_text(1)}"}}' for n in range(80)) + "]}\n")
    for number in range(8):
        save(f"{folder}/files/report-{number}.txt", sentence_text(300))
        save(f"{folder}/files/plan-{number}.pdf", pdf(random_source.randint(30_000, 90_000)))
    save(f"{folder}/files/picture.png", png(200, 150))
    with zipfile.ZipFile(f"{folder}/files/archive.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(6):
            # A fixed date: the archive is the same on every run.
            archive.writestr(zipfile.ZipInfo(f"report-{number}.txt", (2026, 1, 1, 0, 0, 0)), sentence_text(200))


if __name__ == "__main__":
    main()
