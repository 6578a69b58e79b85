// SPDX-License-Identifier: Apache-2.0
//
// What is done with the octets of files: order, digests, rules of extraction, saving, Brotli.

import Foundation
import Testing
import Wire

@testable import Files
@testable import Records

private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

@Suite("Files") struct FileContentTests {
    @Test(arguments: 1..<12) func `digests come out the same whatever the pieces are`(_ pieces: Int) {
        var digests = FileDigests([.md5, .sha1, .sha256])
        var rest = octets("The quick brown fox jumps over the lazy dog")[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces))
            digests.add(piece.octets)
            rest = rest.dropFirst(pieces)
        }
        var text = TextBuffer()
        func digest(_ hash: FileHashes) -> String {
            let place = digests.write(hash, to: &text)
            return String(decoding: text[place], as: UTF8.self)
        }
        #expect(digest(.md5) == "9e107d9d372bb6826bd81d3542a419d6")
        #expect(digest(.sha1) == "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12")
        #expect(digest(.sha256) == "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592")
    }

    @Test func `a digest that is not wanted is absent`() {
        var text = TextBuffer()
        let digests = FileDigests([.sha1])
        #expect(digests.write(.md5, to: &text).isAbsent && !digests.write(.sha1, to: &text).isAbsent)
    }

    @Test(arguments: [
        ("mime=application/x-dosexec", true), ("mime=application/*", true), ("mime=text/*", false), ("all", true),
        ("name=*.EXE", true), ("name=a?c.exe", true), ("name=*.dll", false), ("source=http", true),
        ("source=smtp", false), ("mime=*,name=abc*,source=HTTP", true), ("mime=*,name=x*", false),
        ("sha256=" + String(repeating: "A", count: 64), true),
    ]) func `a rule says which files are meant`(_ text: String, _ isMeant: Bool) throws {
        let rule = try #require(ExtractionRule(parsing: text))
        let type = octets("application/x-dosexec")
        #expect(rule.mayMean(type: type, name: octets("abc.exe"), source: "HTTP") == isMeant)
        if rule.type != nil || rule.name != nil { #expect(!rule.mayMean(type: nil, name: nil, source: "HTTP")) }
    }

    @Test(arguments: [
        "", "mime", "mime=", "=x", "kind=x", "sha256=12", "md5=" + String(repeating: "g", count: 32), ",",
    ])
    func `what is no rule is refused`(_ text: String) { #expect(ExtractionRule(parsing: text) == nil) }

    @Test func `a pattern of stars costs little`() {
        let pattern = octets(String(repeating: "*a", count: 40))
        let text = octets(String(repeating: "a", count: 4000) + "b")
        #expect(!ExtractionRule.matches(pattern[...], text[...]))
    }

    @Test func `a file is saved with its holes, up to a limit`() throws {
        let folder = NSTemporaryDirectory()
        let name = "weir-extraction-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder + "/" + name) }
        let file = try #require(FileExtraction(folder: folder, name: name, bytesMax: 12))
        file.add(octets("abc").octets)
        file.skip(4)
        file.add(octets("defghijkl").octets)
        file.finish(keeping: true)
        #expect(file.wasCut && file.byteCount == 12 && !file.hasFailed)
        let saved = try #require(FileManager.default.contents(atPath: folder + "/" + name))
        #expect(Array(saved) == octets("abc") + [0, 0, 0, 0] + octets("defgh"))
    }

    @Test func `a file that is not wanted after all is gone, and a link is not followed`() throws {
        let folder = NSTemporaryDirectory()
        let name = "weir-extraction-\(UInt64.random(in: 0 ... .max))"
        let file = try #require(FileExtraction(folder: folder, name: name, bytesMax: 12))
        file.finish(keeping: false)
        #expect(!FileManager.default.fileExists(atPath: folder + "/" + name))
        try FileManager.default.createSymbolicLink(atPath: folder + "/" + name, withDestinationPath: "/dev/null")
        defer { try? FileManager.default.removeItem(atPath: folder + "/" + name) }
        #expect(FileExtraction(folder: folder, name: name, bytesMax: 12) == nil)
        #expect(FileExtraction(folder: folder + "/nowhere", name: name, bytesMax: 12) == nil)
    }

    /// `hello` five times with blanks, by brotli 1.0.9.
    private static let brotli: [UInt8] = [
        0x1F, 0x1C, 0x00, 0xF8, 0x8D, 0x94, 0x6E, 0xDE, 0x44, 0x55, 0x86, 0x96, 0x6C, 0x20, 0x6F, 0x41, 0x4F, 0x1C,
        0x20, 0x71,
    ]

    @Test(arguments: 1..<21) func `a body in Brotli is unpacked, whatever the pieces are`(_ pieces: Int) {
        let inflater = Inflater()
        inflater.beginBrotli()
        var plain: [UInt8] = []
        var rest = FileContentTests.brotli[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces))
            rest = rest.dropFirst(pieces)
            var offset = 0
            var isMore = true
            while isMore {
                isMore = inflater.step(piece.octets, &offset)
                plain += inflater.output.prefix(inflater.count)
            }
        }
        #expect(inflater.isOver && !inflater.hasFailed)
        #expect(String(decoding: plain, as: UTF8.self) == "hello hello hello hello hello")
    }

    @Test func `damaged Brotli fails, and gzip works afterwards`() {
        let inflater = Inflater()
        inflater.beginBrotli()
        var offset = 0
        while inflater.step(octets("<html>this is no Brotli at all").octets, &offset) {}
        #expect(inflater.hasFailed)
        inflater.end()
        inflater.begin()
        let stored: [UInt8] = [0x78, 0x01, 1, 2, 0, 0xFD, 0xFF, 0x68, 0x69, 0x00, 0xD2, 0x00, 0x3B]
        offset = 0
        _ = inflater.step(stored.octets, &offset)
        #expect(Array(inflater.output.prefix(inflater.count)) == [0x68, 0x69])
    }

    @Test func `what is not held any more is cut off`() {
        var held = FileReassembly(from: 10)
        held.insert(octets("0123456789ab").octets, at: 0)
        #expect(held.byteCount == 2 && held.take().map { String(decoding: $0, as: UTF8.self) } == "ab")
        held.insert(octets("x").octets, at: 20)
        #expect(held.firstHole == 8 && held.end == 21 && held.take() == nil)
        guard case .hole(let count) = held.takeAnything(below: 15) else {
            Issue.record("a hole was expected")
            return
        }
        #expect(count == 3 && held.next == 15)
    }
}

/// The start of a program: 64-bit, with three sections.
enum Program {
    static func octets(optional: Int = 240, magic: UInt16 = 0x20B) -> [UInt8] {
        var file = [UInt8](repeating: 0, count: 128)
        file.replaceSubrange(0..<2, with: [0x4D, 0x5A])
        file[60] = 128
        file += [0x50, 0x45, 0, 0, 0x64, 0x86, 3, 0, 0, 0, 0, 0x60]
        file += [UInt8](repeating: 0, count: 8) + little(UInt16(optional)) + little(0x22)
        var header = [UInt8](repeating: 0, count: optional)
        if optional >= 240 {
            header.replaceSubrange(0..<2, with: little(magic))
            header.replaceSubrange(40..<42, with: little(6))
            header.replaceSubrange(68..<70, with: little(3))
            header.replaceSubrange(70..<72, with: little(0x8160))
            header[108] = 16
            header[124] = 40
        }
        file += header
        for name in [".text", ".rdata", "longname"] {
            file += Array(name.utf8) + [UInt8](repeating: 0, count: 8 - name.utf8.count + 32)
        }
        return file
    }

    static func little(_ value: UInt16) -> [UInt8] { [UInt8(value & 0xFF), UInt8(value >> 8)] }
}

private func header(_ file: [UInt8]) -> PEHeader? { PEHeader(parsing: file.octets) }
private func answer(_ der: [UInt8]) -> OCSPResponse? { OCSPResponse(parsing: der.octets) }
private func type(_ file: [UInt8]) -> MIMEType? { MIMEType.detect(file.octets) }

@Suite("PE") struct PEHeaderTests {
    private func text(_ read: PEHeader, _ text: Text) -> String { String(decoding: read.text[text], as: UTF8.self) }

    @Test func `a header is read`() throws {
        let read = try #require(header(Program.octets()))
        #expect(text(read, read.machine) == "AMD64")
        #expect(read.compiled == Timestamp(seconds: 0x6000_0000))
        #expect(text(read, read.os) == "Windows Vista or Server 2008")
        #expect(text(read, read.subsystem) == "WINDOWS_CUI")
        #expect(read.isExecutable && read.is64Bit && read.usesASLR && read.usesDEP && read.usesSEH)
        #expect(!read.usesCodeIntegrity && read.hasImports == true && read.hasExports == false)
        #expect(read.hasCertificates == false && read.hasDebugData == false)
        #expect(read.sections.map { $0.map { text(read, $0) } } == [".text", ".rdata", "longname"])
    }

    @Test func `an object file has no optional header`() throws {
        let read = try #require(header(Program.octets(optional: 0)))
        #expect(!read.isExecutable && read.os.isAbsent && read.sections == nil)
    }

    @Test func `numbers that nobody knows are named so`() throws {
        var file = Program.octets()
        file[132] = 0x01
        file.replaceSubrange(152 + 40 ..< 152 + 44, with: [99, 0, 7, 0])
        let read = try #require(header(file))
        #expect(text(read, read.machine) == "unknown-34305" && text(read, read.os) == "unknown-99.7")
    }

    @Test func `every truncation gives what is there, or nothing`() {
        let whole = Program.octets()
        for length in 0...whole.count {
            let found = header(Array(whole.prefix(length)))
            #expect((found == nil) == (length < 152))
            if length < whole.count { #expect((found?.sections?.count ?? 0) < 3) }
        }
    }

    @Test func `impossible lengths are survived`() {
        for place in stride(from: 60, to: 300, by: 1) {
            for octet: UInt8 in [0, 0x7F, 0x80, 0xFF] {
                var file = Program.octets()
                file[place] = octet
                _ = header(file)
                for more in 1..<4 where place + more < file.count { file[place + more] = octet }
                _ = header(file)
            }
        }
    }

    @Test func `another kind of file is none`() {
        #expect(header(octets(String(repeating: "MZ", count: 100))) == nil)
        #expect(header(octets("\u{7F}ELF")) == nil)
    }
}

@Suite("OCSP") struct OCSPResponseTests {
    /// An answer of `openssl ocsp` about a certificate that was revoked.
    private static let known: [UInt8] = {
        let text = """
            MIIB1QoBAKCCAc4wggHKBgkrBgEFBQcwAQEEggG7MIIBtzCBoKEPMA0xCzAJBgNVBAMMAmNhGA8yMDI2MTEyNzA2NDQ0OVowfDB6
            MDwwCQYFKw4DAhoFAAQUEQSM0gyzWSMH0Bn9CIlWK2LTZJIEFBo34Bj0ClGy0YOzPiKnxIR0FWMAAgMAigGhFhgPMjAyNTAxMDEw
            MDAwMDBaoAMKAQEYDzIwMjYxMTI3MDY0NDQ5WqARGA8yMDI2MTIwMjA2NDQ0OVowDQYJKoZIhvcNAQELBQADggEBAFSqnPbpZA+1
            E/bleGYTWTlRhjpfSSLw47qhaZ0gRPU8jsh+HwvVw8OmB7ZgMKTyFei5Y/ktPNhJcR7HzS/AiJzAEnFLjbOxwKqfO6X2so4tgIdF
            RPVtbmY8ckUE4hIzvgUkUDKacM+tGxAHXgqnMIH3rrY0LigCzn+RkCVM0KLXzvVLO+9quO5lORLtG2vXDXS8NgW1Z4Ri8k2n6XVI
            yDNJq3I9pZxjE66yKGHoMdaR/RZe/Pxi2t7JM6D9Y9HtZDnO6DEfFXhGucdYHp9at9KZ3jGehfCZqeMzjcI77jSEmH2e/XQQ3FNq
            5d3ZtXZpVKEbzDEe75Aumvi8fPeTDRw=
            """
        return Array(Data(base64Encoded: text.filter { !$0.isWhitespace }) ?? Data())
    }()

    @Test func `an answer is read`() throws {
        let response = try #require(answer(OCSPResponseTests.known))
        let status = try #require(response.statuses.first)
        func text(_ text: Text) -> String { String(decoding: response.text[text], as: UTF8.self) }
        #expect(text(status.hashAlgorithm) == "sha1")
        #expect(text(status.issuerNameHash) == "11048CD20CB3592307D019FD0889562B62D36492")
        #expect(text(status.issuerKeyHash) == "1A37E018F40A51B2D183B33E22A7C48474156300")
        #expect(text(status.serial) == "8A01")
        #expect(status.status.description == "revoked" && status.reason?.description == "keyCompromise")
        #expect(status.revoked == Timestamp(seconds: 1_735_689_600))
        #expect(status.nextUpdate.map { next in status.thisUpdate.map { next.since($0) } } == 5 * 86_400 * second)
    }

    @Test func `the type is known by content`() {
        #expect(type(OCSPResponseTests.known)?.description == "application/ocsp-response")
    }

    @Test func `every truncation is refused`() {
        let whole = OCSPResponseTests.known
        for length in 0..<whole.count { #expect(answer(Array(whole.prefix(length))) == nil) }
    }

    @Test func `impossible lengths are survived`() {
        for place in OCSPResponseTests.known.indices {
            for octet: UInt8 in [0, 0x7F, 0x84, 0xFF] {
                var damaged = OCSPResponseTests.known
                damaged[place] = octet
                _ = answer(damaged)
            }
        }
    }

    @Test func `another kind of file is none`() {
        #expect(answer(octets("<html></html>")) == nil)
        #expect(answer([0x30, 0x03, 0x0A, 0x01, 0x06]) == nil)
    }
}
