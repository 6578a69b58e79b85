// SPDX-License-Identifier: Apache-2.0
//
// Reads the sources and fails where they break the rules of Docs/ARCHITECTURE.md:
// imports, unsafe code, lengths, headers, words.

import Foundation
import Testing

/// The tree under test.
private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

private struct SourceFile: CustomStringConvertible, Sendable {
    var path: String
    var lines: [String]
    /// The target: first folder below Sources or Tests.
    var target: String { String(path.split(separator: "/")[1]) }
    var isTest: Bool { path.hasPrefix("Tests/") }
    var description: String { path }

    static let all: [SourceFile] = {
        var files: [SourceFile] = []
        for folder in ["Sources", "Tests"] {
            let base = root.appending(path: folder)
            let names = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
            for name in names.sorted() where name.hasSuffix(".swift") {
                guard let text = try? String(contentsOf: base.appending(path: name), encoding: .utf8) else { continue }
                files.append(SourceFile(path: "\(folder)/\(name)", lines: text.components(separatedBy: "\n")))
            }
        }
        return files
    }()
}

/// Who may import whom; the table of Docs/ARCHITECTURE.md.
private let allowedImports: [String: Set<String>] = [
    "Wire": ["Glibc"],
    "Records": ["Glibc", "Synchronization"],
    "Flows": ["Wire", "Records", "Glibc"],
    "Files": ["Wire", "Records", "CZlib", "CBrotli", "Crypto", "Glibc"],
    "Protocols": ["Wire", "Records", "Files", "Crypto", "CryptoExtras", "Synchronization", "Glibc"],
    "Signatures": [
        "Wire", "Records", "Files", "JSON", "CVectorscan", "CPCRE2", "CMaxMind", "Crypto", "Glibc", "Synchronization",
    ],
    "Capture": ["Wire", "CPcap", "CZlib", "Glibc", "Foundation", "Synchronization"],
    "Logs": ["Records", "Glibc", "Foundation"],
    "Store": [
        "Records", "CLZ4", "CZlib", "CZstd", "GRDB", "GRDBSQLite", "Glibc", "Foundation", "FoundationEssentials",
        "Synchronization",
    ],
    "Query": [
        "Wire", "Records", "Signatures", "Store", "GRDB", "GRDBSQLite", "Glibc", "Foundation", "FoundationEssentials",
        "Synchronization",
    ],
    "Sensor": [
        "Wire", "Records", "JSON", "Flows", "Files", "Protocols", "Signatures", "Capture", "Logs", "Store",
        "CloudAudit", "Yams",
        "Glibc", "Foundation",
        "FoundationEssentials", "Synchronization",
    ],
    "JSON": ["Glibc"],
    "Archive": ["CZlib", "Foundation"],
    "CloudAudit": [
        "Records", "JSON", "Archive", "Store", "Crypto", "GRDB", "Glibc", "Foundation", "Dispatch", "Synchronization",
    ],
    "Sigma": ["Records", "JSON", "Query", "Signatures", "CPCRE2", "Yams", "Glibc", "Foundation"],
    "Hunts": ["Records", "Signatures", "Store", "Query", "GRDB", "Glibc", "Foundation", "Synchronization"],
    "Intel": ["Wire", "Records", "JSON", "Archive", "Signatures", "Store", "Query", "Foundation"],
    "Ingest": ["Records", "JSON", "Archive", "Store", "GRDB", "Glibc", "Foundation"],
    "Incidents": ["Records", "JSON", "Store", "Query", "Yams", "GRDB", "Glibc", "Foundation", "Synchronization"],
    "Handoff": [
        "Records", "JSON", "Store", "Incidents", "Crypto", "GRDB", "Yams", "AsyncHTTPClient", "NIOCore", "NIOPosix",
        "NIOHTTP1", "NIOSSL", "Glibc", "Foundation", "Synchronization",
    ],
    "Lake": [
        "Records", "Store", "Query", "Crypto", "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "Foundation",
    ],
    "weir": [
        "JSON", "CloudAudit", "Sigma", "Intel", "Hunts", "Ingest", "Incidents", "Handoff",
        "Lake",
        "Records", "Flows", "Protocols", "Signatures", "Capture", "Logs", "Store", "Query", "Sensor", "ArgumentParser",
        "Glibc", "Dispatch", "Foundation", "FoundationEssentials", "Synchronization",
    ],
]

/// The files in which `unsafe` may stand, each small and read with care.
private let unsafeFiles: Set<String> = [
    "Sources/Wire/Cursor.swift",
    "Sources/Wire/Header.swift",
    "Sources/Records/TextBuffer.swift",
    "Sources/Records/RowBatch.swift",
    "Sources/Flows/FlowTable+Slab.swift",
    "Sources/Files/Inflate.swift",
    "Sources/Files/Brotli.swift",
    "Sources/Files/FileDigests.swift",
    "Sources/Files/FileExtraction.swift",
    "Sources/Signatures/AddressDatabase.swift",
    "Sources/Signatures/Regex.swift",
    "Sources/Signatures/PatternSearch.swift",
    "Sources/Signatures/CandidateList.swift",
    "Sources/Signatures/FixedTable.swift",
    "Sources/Signatures/AnchoredSearch.swift",
    "Sources/Signatures/GramSearch.swift",
    "Sources/Signatures/PatternTable.swift",
    "Sources/Signatures/PatternDatabase.swift",
    "Sources/Signatures/RuleFileBytes.swift",
    "Sources/Logs/LineBuffer.swift",
    "Sources/Capture/CaptureBytes.swift",
    "Sources/Capture/MappedFile.swift",
    "Sources/Capture/Inflate.swift",
    "Sources/Capture/Filter.swift",
    "Sources/Capture/LiveInterface.swift",
    "Sources/Archive/Unpacker.swift",
    "Sources/Store/LZ4.swift",
    "Sources/Store/PageChecksum.swift",
    "Sources/Store/PacketChunk.swift",
    "Sources/Store/Zstd.swift",
    "Sources/Store/MappedSegment.swift",
    "Sources/Store/ByteSink.swift",
    "Sources/Store/StoreFile.swift",
    "Sources/Store/XXHash.swift",
    "Sources/Store/Catalogue+Log.swift",
    "Sources/Query/VirtualTable.swift",
    "Sources/Query/VirtualTable+Cursor.swift",
    "Sources/Query/SQLiteConnection.swift",
    "Sources/Query/SQLFunctions+SQLite.swift",
    "Sources/Query/TerminalInput.swift",
]

/// Files over 600 lines, each with its reason.
private let longFiles: [String: String] = [
    "Sources/Records/Weird+Tables.swift": "a table"
]

@Suite("Tidy") struct TidyTests {
    @Test func `there are sources to read`() {
        #expect(SourceFile.all.count > 50)
    }

    @Test func `a module imports only what the design allows`() {
        for file in SourceFile.all where !file.isTest {
            guard let allowed = allowedImports[file.target] else {
                Issue.record("\(file): the module \(file.target) is not in the table of imports")
                continue
            }
            for (number, line) in file.lines.enumerated() {
                let words = line.split(separator: " ").filter { !["public", "package", "internal"].contains($0) }
                guard words.first == "import" || words.dropFirst().first == "import", words.count >= 2,
                    let module = words.last?.split(separator: ".").first
                else { continue }
                #expect(allowed.contains(String(module)), "\(file):\(number + 1): \(file.target) imports \(module)")
            }
        }
    }

    @Test func `unsafe stands only in the named files, under a reason`() {
        for file in SourceFile.all where !file.isTest {
            for (number, line) in file.lines.enumerated() where isUnsafe(line) {
                guard unsafeFiles.contains(file.path) else {
                    Issue.record("\(file):\(number + 1): unsafe outside of the named files: \(line)")
                    continue
                }
                let above = file.lines[max(0, number - 12)...number]
                #expect(above.contains { $0.contains("// Safe:") }, "\(file):\(number + 1): no “// Safe:” above")
            }
        }
    }

    @Test func `named unsafe files exist and need it`() {
        for path in unsafeFiles {
            let file = SourceFile.all.first { $0.path == path }
            #expect(file?.lines.contains(where: isUnsafe) == true, "\(path) is listed without need")
        }
    }

    @Test func `lines, functions and files are short`() {
        for file in SourceFile.all {
            for (number, line) in file.lines.enumerated() {
                #expect(line.count <= 120, "\(file):\(number + 1): \(line.count) columns")
            }
            if longFiles[file.path] == nil, !file.path.contains("+Tables") {
                #expect(file.lines.count <= 601, "\(file): \(file.lines.count) lines")
            }
            for (start, length) in functions(of: file) {
                #expect(length <= 70, "\(file):\(start): a function of \(length) lines")
            }
        }
    }

    @Test func `every file says its licence and what it is for`() {
        for file in SourceFile.all {
            #expect(file.lines.first == "// SPDX-License-Identifier: Apache-2.0", "\(file)")
            let head = file.lines.prefix(4).dropFirst()
            #expect(head.contains { $0.hasPrefix("// ") }, "\(file): no word on its purpose")
        }
    }

    @Test func `a probe stands once in the registry`() {
        let lines = SourceFile.all.first { $0.path == "Sources/Protocols/Registry.swift" }?.lines ?? []
        // Kind, transport, side, test: what may follow narrows the probe.
        let probes = lines.filter { $0.contains(" Probe(.") }.map { line in
            line.split(separator: ",").prefix(4).joined(separator: ",").filter { $0 != ")" }
        }
        #expect(probes.count > 40)
        let repeated = Dictionary(grouping: probes) { $0 }.filter { $0.value.count > 1 }.keys.sorted()
        #expect(repeated == [])
    }

    @Test func `nothing unfinished is left behind`() {
        let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X:", "try" + "!", "fatal" + "Error("]
        for file in SourceFile.all {
            for (number, line) in file.lines.enumerated() {
                for mark in marks where line.contains(mark) {
                    Issue.record("\(file):\(number + 1): \(mark)")
                }
            }
        }
    }

    private func isUnsafe(_ line: String) -> Bool {
        let code = line.split(separator: "//", omittingEmptySubsequences: false).first ?? ""
        return code.split(whereSeparator: { !$0.isLetter }).contains("unsafe")
    }

    /// Where functions begin and how many lines each has, by indentation.
    private func functions(of file: SourceFile) -> [(start: Int, length: Int)] {
        var found: [(Int, Int)] = []
        var open: [(line: Int, indent: Int)] = []
        for (number, line) in file.lines.enumerated() {
            let indent = line.prefix { $0 == " " }.count
            let text = line.dropFirst(indent)
            if let last = open.last, indent == last.indent, text.hasPrefix("}") {
                found.append((last.line + 1, number - last.line + 1))
                open.removeLast()
            }
            let isFunction = text.contains("func ") || text.hasPrefix("init(") || text.contains(" init(")
            if isFunction, !text.hasPrefix("//"), !text.contains("}") { open.append((number, indent)) }
            while let last = open.last, indent < last.indent, !text.isEmpty { open.removeLast() }
        }
        return found
    }
}
