// SPDX-License-Identifier: Apache-2.0
//
// MIME types by content, and the beginning of files.

import Testing
import Wire

@testable import Files
@testable import Records

private func type(_ octets: [UInt8]) -> String? { MIMEType.detect(octets.octets)?.description }
private func type(_ text: String) -> String? { type(Array(text.utf8)) }

@Suite("MIME types") struct MIMETypeTests {
    @Test(arguments: [
        ([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], "image/png"),
        ([0xFF, 0xD8, 0xFF, 0xE0, 0x00, 0x10], "image/jpeg"),
        (Array("GIF89a".utf8), "image/gif"), (Array("%PDF-1.7\n".utf8), "application/pdf"),
        ([0x1F, 0x8B, 0x08, 0x00], "application/x-gzip"), ([0x50, 0x4B, 0x03, 0x04, 0x14, 0x00], "application/zip"),
        (Array("MZ".utf8) + [0x90, 0x00, 0x03], "application/x-dosexec"),
        ([0x7F, 0x45, 0x4C, 0x46, 2, 1] + [UInt8](repeating: 0, count: 9) + [0, 2, 0], "application/x-executable"),
        ([0x7F, 0x45, 0x4C, 0x46, 2] + [1] + [UInt8](repeating: 0, count: 10) + [3, 0], "application/x-sharedlib"),
        ([0xCA, 0xFE, 0xBA, 0xBE, 0, 0, 0, 0x34], "application/x-java-applet"),
        ([0, 0, 0, 0x18] + Array("ftypmp42".utf8), "video/mp4"),
        ([0, 0, 0, 0x1C] + Array("ftypM4A ".utf8), "audio/mp4"),
        (Array("RIFF".utf8) + [1, 2, 3, 4] + Array("WEBPVP8 ".utf8), "image/webp"),
        ([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], "application/msword"),
        ([0x6F, 0x0D, 0x0D, 0x0A], "application/x-python-bytecode"),
        ([0x30, 0x82, 0x01, 0x02, 0x30, 0x80, 0xA0, 0x03, 0x02, 0x01, 0x02, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A],
            "application/ocsp-request"),
        ([UInt8](repeating: 0x20, count: 39) + Array("<gmr:Workbook".utf8), "application/x-gnumeric"),
        (Array("xyz1234".utf8) + Array("**ACE**".utf8), "application/x-ace"),
    ] as [([UInt8], String)])
    func `octets show a type`(_ octets: [UInt8], _ name: String) {
        #expect(type(octets) == name)
    }

    @Test(arguments: [
        ("<!DOCTYPE html><p>", "text/html"), ("\u{FEFF} \n<!-- a --> <!-- b -->\r\n<HtMl>", "text/html"),
        ("<!-- a --> text --> <html>", "text/html"), ("<body bgcolor=1>", "text/html"),
        ("<?xml version=\"1.0\"?>\n<!-- c -->\n<rss version=\"2.0\">", "text/rss"),
        ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg>", "image/svg+xml"),
        ("<?xml version='1.0'?><other/>", "application/xml"),
        ("<feed xmlns=\"http://www.w3.org/2005/Atom\">", "text/atom"),
        ("<soap-env:Envelope a=b>", "application/soap+xml"),
        ("#!/bin/sh\nls\n", "text/x-shellscript"), ("#!/usr/bin/env python3\n", "text/x-python"),
        ("#!/usr/bin/env  bash\n", "text/x-shellscript"),
        (" {\n \"a\" : 1}", "text/json"), ("[1.5, 2]", "text/json"), ("[{\"a\": 1}]", "text/json"),
        ("[section]\r\nkey=value\r\n", "text/ini"), ("@echo off\r\n", "text/x-msdos-batch"),
        ("<script type=\"text/javascript\">", "application/javascript"),
        ("some words <?php echo 1; ?>", "text/x-php"),
        ("--- a\n+++ b\n@@ -1 +1 @@\n", "text/x-diff"), ("just some words\n", "text/plain"),
        ("From: a@example.com\r\n", "message/rfc822"), ("DELIVERED-to: x", "message/rfc822"),
        ("P1 9", nil), ("too short", nil), ("{}", nil), ("", nil),
    ] as [(String, String?)])
    func `texts show a type`(_ text: String, _ name: String?) {
        #expect(type(text) == name)
    }

    @Test func `the strongest rule decides`() {
        // An office document is a ZIP archive too.
        let head = [0x50, 0x4B, 0x03, 0x04, 0x14, 0, 6, 0] + [UInt8](repeating: 0, count: 22)
        #expect(type(head) == "application/vnd.openxmlformats-officedocument")
        let document =
            head + Array("[Content_Types].xml....PK".utf8) + [3, 4] + [UInt8](repeating: 0, count: 26)
            + Array("word/document.xml".utf8)
        #expect(type(document) == "application/vnd.openxmlformats-officedocument.wordprocessingml.document")
    }

    @Test func `what is no format has no type`() {
        #expect(type([0x00, 0x01, 0x02]) == nil)
        #expect(type([UInt8](repeating: 0xEE, count: 5000)) == nil)
    }

    @Test(arguments: [
        String(repeating: " ", count: 5000), String(repeating: "<!--", count: 1200),
        String(repeating: "<!-- -->", count: 600), String(repeating: "<?xml ?>", count: 600),
        String(repeating: "--- \n+++ \n@", count: 400), String(repeating: "{\"", count: 2500),
        String(repeating: "P1P2P3", count: 800), "[" + String(repeating: "]", count: 5000),
        "#!" + String(repeating: "bin/", count: 1200),
    ])
    func `texts made to cost time are answered`(_ text: String) {
        #expect(["text/plain", "text/x-diff", "application/xml"].contains(type(text) ?? ""))
    }

    @Test func `every rule can be reached`() {
        let rules = MIMERules.shared
        #expect(rules.names.count > 350)
        var text = TextBuffer()
        let name = MIMEType(rule: 0).write(to: &text)
        #expect(Array(text[name]) == rules.names[0])
    }
}

@Suite("Files") struct FileHeadTests {
    @Test func `a type is decided once, when the head is full`() {
        var head = FileHead()
        head.begin()
        let piece = [UInt8](repeating: 0x61, count: 4000)
        let first = head.append(piece.octets)
        let second = head.append(piece.octets)
        #expect(!first && second)
        #expect(head.decide()?.description == "text/plain")
        #expect(head.decide() == nil)
        let third = head.append(piece.octets)
        #expect(!third)
        #expect(head.bytes.count == 4096)
    }

    @Test func `the next file begins anew`() {
        var head = FileHead()
        _ = head.append([0x61].octets)
        _ = head.decide()
        head.begin()
        #expect(head.bytes.isEmpty && !head.isDecided)
    }

    @Test func `a body that unpacks without end is cut`() {
        // A stored block of 65 535 octets, again and again.
        let inflater = Inflater()
        inflater.begin()
        let block: [UInt8] = [0, 0xFF, 0xFF, 0, 0] + [UInt8](repeating: 0, count: 65_535)
        var total = 0
        for _ in 0..<5000 where !inflater.isOver {
            var offset = 0
            var isMore = true
            while isMore {
                isMore = inflater.step(block.octets, &offset)
                total += inflater.count
            }
        }
        #expect(inflater.hasFailed)
        #expect(total <= Inflater.bytesMax + (64 << 10))
    }

    @Test func `damaged data fails and the next body works`() {
        let inflater = Inflater()
        inflater.begin()
        let damaged: [UInt8] = [0x1F, 0x8B, 0x08, 0x00, 0, 0, 0, 0, 0, 3, 0xFF, 0xFF, 0xFF]
        var offset = 0
        while inflater.step(damaged.octets, &offset) {}
        #expect(inflater.hasFailed)
        inflater.begin()
        let stored: [UInt8] = [0x78, 0x01, 1, 2, 0, 0xFD, 0xFF, 0x68, 0x69, 0x00, 0xD2, 0x00, 0x3B]
        offset = 0
        _ = inflater.step(stored.octets, &offset)
        #expect(Array(inflater.output.prefix(inflater.count)) == [0x68, 0x69])
    }
}
