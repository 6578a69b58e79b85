// SPDX-License-Identifier: Apache-2.0
//
// The file layer by itself: order, gaps, limits, silence, files of several connections.

import Files
import Foundation
import Testing
import Wire

@testable import Protocols
@testable import Records

private typealias Handle = Protocols.FileHandle

/// A context without a protocol, and the rows of files that came of it.
private final class FileBench {
    let bench: DatagramBench

    init(_ settings: AnalyzerSettings = AnalyzerSettings()) {
        bench = DatagramBench(HTTP(), port: 80, .tcp, settings, logs: [])
    }

    var rows: [LogRow] { bench.rows(.files) }

    func begin(total: UInt64? = nil, key: UInt64? = nil) -> Handle {
        bench.context.beginFile(.http, from: .responder, total: total, key: key)
    }

    func data(_ file: Handle, _ text: String, at offset: UInt64? = nil) -> String? {
        let octets = octets(text)
        guard let offset else { return bench.context.fileData(file, octets.octets)?.description }
        return bench.context.fileData(file, octets.octets, at: offset)?.description
    }

    func gap(_ file: Handle, _ count: UInt64, at offset: UInt64? = nil) -> String? {
        bench.context.fileGap(file, count, at: offset)?.description
    }

    func isOpen(_ file: Handle) -> Bool { bench.context.isOpen(file) }
    var notExtracted: UInt64 { bench.context.fileCounters.notExtracted }
    var evicted: UInt64 { bench.context.fileCounters.evicted }

    func clock(_ seconds: Int64) {
        bench.context.now = Timestamp(seconds: seconds)
        bench.context.advance(to: bench.context.now)
    }
}

@Suite("File layer") struct SeenFilesTests {
    @Test func `a file without an octet has no row`() {
        let files = FileBench()
        let file = files.begin()
        files.bench.context.endFile(file)
        files.bench.context.finish()
        #expect(files.rows.isEmpty)
        #expect(!files.isOpen(file))
    }

    @Test func `a file in order has its type and its size`() {
        let files = FileBench()
        let file = files.begin()
        #expect(files.data(file, "{\"a\": ") == nil)
        #expect(files.data(file, "1}") == nil)
        let type = files.bench.context.endFile(file)
        #expect(type?.description == "text/json")
        let row = files.rows[0]
        #expect(row.text("mime_type") == "text/json" && row.text("source") == "HTTP")
        #expect(row.number("seen_bytes") == 8 && row.number("missing_bytes") == 0)
        #expect(row.flag("is_orig") == false && row.flag("local_orig") == true && row.flag("timedout") == false)
    }

    @Test func `a file of known size ends by itself`() {
        let files = FileBench()
        let file = files.begin(total: 6)
        #expect(files.data(file, "GIF89a") == "image/gif")
        #expect(files.rows.count == 1 && files.rows[0].number("total_bytes") == 6)
        files.bench.context.endFile(file)
        #expect(files.rows.count == 1)
    }

    @Test func `octets out of order are put in order, whatever the order is`() {
        let pieces: [(UInt64, String)] = [(0, "%PDF"), (4, "-1.4"), (8, " and"), (12, " more")]
        for first in 0..<4 {
            for second in 0..<4 where second != first {
                let rest = (0..<4).filter { $0 != first && $0 != second }
                let files = FileBench()
                let file = files.begin()
                for index in [first, second] + rest { _ = files.data(file, pieces[index].1, at: pieces[index].0) }
                files.bench.context.endFile(file)
                #expect(files.rows[0].number("seen_bytes") == 17 && files.rows[0].number("missing_bytes") == 0)
                #expect(files.rows[0].text("mime_type") == "application/pdf")
            }
        }
    }

    @Test func `what overlaps counts once`() {
        let files = FileBench()
        let file = files.begin()
        _ = files.data(file, "cdef", at: 2)
        _ = files.data(file, "abcdefgh", at: 0)
        _ = files.data(file, "abc", at: 0)
        files.bench.context.endFile(file)
        #expect(files.rows[0].number("seen_bytes") == 8)
        #expect(files.rows[0].number("missing_bytes") == 0)
    }

    @Test func `holes before what is held are missing`() {
        let files = FileBench()
        let file = files.begin(total: 100)
        _ = files.data(file, "abc", at: 10)
        _ = files.data(file, "abc", at: 20)
        files.bench.context.finish()
        let row = files.rows[0]
        #expect(row.number("seen_bytes") == 6 && row.number("missing_bytes") == 17)
        #expect(row.number("overflow_bytes") == 0 && row.flag("timedout") == true)
        #expect(row.text("mime_type") == nil)
    }

    @Test func `beyond the limit what is held goes on with its holes`() {
        var settings = AnalyzerSettings()
        settings.files.reassemblyBytesMax = 8
        let files = FileBench(settings)
        let file = files.begin()
        _ = files.data(file, "abcdefghij", at: 10)
        _ = files.data(file, "klmn", at: 30)
        files.bench.context.endFile(file)
        let row = files.rows[0]
        #expect(row.number("seen_bytes") == 14 && row.number("missing_bytes") == 20)
        #expect(row.number("overflow_bytes") == 10)
    }

    @Test func `offsets at the end of the range are refused`() {
        let files = FileBench()
        let file = files.begin()
        _ = files.data(file, "abc", at: .max)
        _ = files.data(file, "abc", at: 1 << 63)
        _ = files.gap(file, .max, at: .max)
        files.bench.context.endFile(file)
        #expect(files.rows[0].number("seen_bytes") == 0)
    }

    @Test func `a gap decides the type by what came before it`() {
        let files = FileBench()
        let file = files.begin()
        _ = files.data(file, "GIF89a")
        #expect(files.gap(file, 10) == "image/gif")
        _ = files.data(file, "more")
        files.bench.context.endFile(file)
        #expect(files.rows[0].number("seen_bytes") == 10 && files.rows[0].number("missing_bytes") == 10)
    }

    @Test func `silence ends a file, and more of it makes another row of the same identity`() {
        let files = FileBench()
        files.clock(1000)
        let file = files.begin()
        _ = files.data(file, "abc")
        files.clock(1119)
        #expect(files.rows.isEmpty)
        files.clock(1121)
        #expect(files.rows.count == 1 && files.rows[0].flag("timedout") == true)
        _ = files.data(file, "def")
        files.bench.context.endFile(file)
        #expect(files.rows.count == 2 && files.rows[1].number("seen_bytes") == 3)
        #expect(files.rows[0].number("fuid") == files.rows[1].number("fuid"))
    }

    @Test func `a file that is not silent lives on`() {
        let files = FileBench()
        files.clock(1000)
        let file = files.begin()
        for second in stride(from: Int64(1000), to: 2000, by: 50) {
            files.clock(second)
            _ = files.data(file, "abc")
        }
        #expect(files.rows.isEmpty)
        #expect(files.isOpen(file))
    }

    @Test func `a file with a key has a row for each connection`() {
        let files = FileBench()
        let first = files.begin(key: 7)
        _ = files.data(first, "abc")
        files.bench.context.uid = UID(value: 100)
        let second = files.begin(key: 7)
        #expect(first == second)
        _ = files.data(second, "def", at: 3)
        files.bench.context.endFile(second)
        #expect(files.rows.count == 2)
        #expect(files.rows.map { $0.number("seen_bytes") } == [6, 6])
        #expect(files.rows[0].number("fuid") == files.rows[1].number("fuid"))
        #expect(!files.isOpen(first))
        let third = files.begin(key: 7)
        _ = files.data(third, "abc")
        files.bench.context.endFile(third)
        #expect(files.rows[2].number("fuid") == files.rows[0].number("fuid"))
    }

    @Test func `a full table ends the file that was begun first`() {
        var settings = AnalyzerSettings()
        settings.files.openMax = 2
        let files = FileBench(settings)
        let all = (0..<3).map { _ in
            let file = files.begin()
            _ = files.data(file, "abc")
            return file
        }
        #expect(files.rows.count == 1)
        #expect(!files.isOpen(all[0]) && files.isOpen(all[2]))
        #expect(files.evicted == 1)
    }

    @Test func `a handle of a file that is over does nothing`() {
        let files = FileBench()
        let file = files.begin()
        _ = files.data(file, "abc")
        files.bench.context.endFile(file)
        let other = files.begin()
        _ = files.data(file, "xyz")
        files.bench.context.endFile(file)
        #expect(files.rows.count == 1)
        #expect(files.isOpen(other))
    }

    @Test func `digests are in the row where they are wanted, and not where there is a hole`() {
        var settings = AnalyzerSettings()
        settings.files.hashes = [.md5, .sha256]
        let files = FileBench(settings)
        let whole = files.begin()
        _ = files.data(whole, "abc")
        files.bench.context.endFile(whole)
        let holed = files.begin()
        _ = files.data(holed, "ab")
        _ = files.gap(holed, 1)
        files.bench.context.endFile(holed)
        let rows = files.rows
        #expect(rows[0].text("md5") == "900150983cd24fb0d6963f7d28e17f72")
        #expect(rows[0].text("sha256")?.hasPrefix("ba7816bf8f01cfea") == true)
        #expect(rows[0].text("sha1") == nil && rows[0].list("analyzers") == ["MD5", "SHA256"])
        #expect(rows[1].text("md5") == nil && rows[1].list("analyzers") == [])
    }

    @Test(arguments: [1, 7, 100, 5000]) func `a file that a rule means is saved`(_ pieces: Int) throws {
        let folder = NSTemporaryDirectory() + "weir-files-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = AnalyzerSettings()
        settings.files.extractionFolder = folder
        settings.files.extractionRules = [try #require(ExtractionRule(parsing: "mime=image/*"))]
        let files = FileBench(settings)
        let content = octets("GIF89a") + (0..<9000).map { UInt8(truncatingIfNeeded: $0) }
        let file = files.begin()
        var rest = content[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces))
            files.bench.context.fileData(file, piece.octets)
            rest = rest.dropFirst(pieces)
        }
        files.bench.context.endFile(file)
        let other = files.begin()
        _ = files.data(other, "just text, nothing else")
        files.bench.context.endFile(other)
        let name = try #require(files.rows[0].text("extracted"))
        #expect(FileManager.default.contents(atPath: folder + "/" + name).map { Array($0) } == content)
        #expect(files.rows[0].flag("extracted_cutoff") == false)
        #expect(files.rows[0].number("extracted_size") == UInt64(content.count))
        #expect(files.rows[1].text("extracted") == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
    }

    @Test func `a file of a known digest is kept, others are not`() throws {
        let folder = NSTemporaryDirectory() + "weir-files-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = AnalyzerSettings()
        settings.files.extractionFolder = folder
        settings.files.hashes = [.md5]
        let rule = try #require(ExtractionRule(parsing: "md5=900150983CD24FB0D6963F7D28E17F72"))
        settings.files.extractionRules = [rule]
        settings.files.extractionCountMax = 1
        let files = FileBench(settings)
        for text in ["xyz", "abc", "abc"] {
            let file = files.begin()
            _ = files.data(file, text)
            files.bench.context.endFile(file)
        }
        #expect(files.rows.map { $0.text("extracted") != nil } == [false, true, false])
        #expect(files.notExtracted == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
    }

    /// The table of wishes is the worker's: one connection must not fill it.
    @Test func `a rule that wants the files of a connection again and again wants them once`() {
        let files = FileBench()
        for number in [1, 1, 2, 1] as [UInt64] {
            files.bench.context.storeFiles(of: UID(value: number), transaction: nil, direction: .responder)
        }
        #expect(files.bench.context.files.waiting.wishes.count == 2)
        for number in 0..<UInt64(StoredFiles.wishesMax) {
            files.bench.context.storeFiles(of: UID(value: number), transaction: nil, direction: .responder)
        }
        #expect(files.bench.context.files.waiting.wishes.count == StoredFiles.wishesMax && files.notExtracted == 0)
        files.bench.context.storeFiles(of: UID(value: .max), transaction: nil, direction: .responder)
        #expect(files.bench.context.files.waiting.wishes.count == StoredFiles.wishesMax && files.notExtracted == 1)
    }
}

@Suite("questions of OCSP") struct OCSPQuestionTests {
    /// A question about one certificate (RFC 6960 section 4.1.1).
    static let question: [UInt8] = {
        let algorithm = ber(0x30, ber(6, [0x2B, 0x0E, 3, 2, 0x1A]), [5, 0])
        let hash = ber(4, [UInt8](repeating: 1, count: 20))
        let certificate = ber(0x30, algorithm, hash, hash, ber(2, [7]))
        return ber(0x30, ber(0x30, ber(0x30, ber(0x30, certificate))))
    }()

    @Test func `a question by POST is a file with its type, and has no row of answers`() {
        let bench = DatagramBench(
            HTTP(), port: 80, .tcp, logs: [HTTPRecord.makeSchema(), OCSPRecord.makeSchema()])
        let head = "POST /ocsp HTTP/1.1\nHost: ca\nContent-Type: application/ocsp-request\nContent-Length: "
        bench.stream(wire(head + "\(Self.question.count)\n\n") + Self.question)
        bench.finish()
        #expect(bench.rows(.files).map { $0.text("mime_type") } == ["application/ocsp-request"])
        #expect(bench.rows(.ocsp).isEmpty)
    }
}
