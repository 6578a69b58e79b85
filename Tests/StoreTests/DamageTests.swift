// SPDX-License-Identifier: Apache-2.0
//
// Segments that lie: every one is refused with an error, none ends the process.

import Foundation
import Records
import Testing

@testable import Store

@Suite struct `A damaged segment` {
    private let damaged = StoreError(.damagedSegment, "", path: "", advice: "")

    private func segment(_ rows: [EveryKind], in folder: TemporaryFolder) throws -> [UInt8] {
        var settings = StoreWriter.Settings()
        settings.rowGroupRows = 20
        settings.pageRows = 8
        try folder.store([rows], settings: settings)
        let path = try StoreReader.open(folder.path).segments(log: "stats")[0].path
        return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Reads everything there is in a file; throws what a reader of it would see.
    private func readAll(_ bytes: [UInt8], _ path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let segment = try SegmentReader(path: path)
        for column in segment.columns.indices {
            for group in 0..<segment.rowGroupCount {
                _ = segment.bounds(column: column, rowGroup: group)
                _ = try segment.pages(column: column, rowGroup: group)
                _ = try segment.mayContain(column: column, rowGroup: group, text: [0x41])
                _ = cells(try segment.read(column: column, rowGroup: group))
            }
        }
    }

    @Test func `a segment cut at any length is refused`() throws {
        let folder = TemporaryFolder()
        let bytes = try segment(EveryKind.rows(9, .mixed), in: folder)
        let path = folder.path + "/cut.parquet"
        try readAll(bytes, path)
        var accepted: [Int] = []
        for length in 0..<bytes.count {
            do {
                try readAll(Array(bytes[..<length]), path)
                accepted.append(length)
            } catch let error as StoreError {
                if error.code != .damagedSegment { accepted.append(length) }
            }
        }
        #expect(accepted == [])
    }

    @Test(arguments: [EveryKind.Shape.mixed, .extreme, .distinct])
    func `changed octets give an error or other values, never a trap`(_ shape: EveryKind.Shape) throws {
        let folder = TemporaryFolder()
        let bytes = try segment(EveryKind.rows(30, shape), in: folder)
        let path = folder.path + "/changed.parquet"
        var random = Seeded(99)
        var refused = 0
        for round in 0..<200 {
            var changed = bytes
            // The second half of the rounds aims at the footer and the page index.
            let start = round < 100 ? 0 : max(0, bytes.count - 6000)
            for _ in 0...(round % 3) {
                let place = Int.random(in: start..<bytes.count, using: &random)
                changed[place] = UInt8.random(in: .min ... .max, using: &random)
            }
            do { try readAll(changed, path) } catch let error as StoreError {
                #expect(error.code == .damagedSegment)
                refused += 1
            }
        }
        #expect(refused > 30)
    }

    @Test func `a segment that is gone, empty, or no segment is refused`() throws {
        let folder = TemporaryFolder()
        #expect(throws: StoreError(.unreadable, "", path: "", advice: "")) {
            _ = try SegmentReader(path: folder.path + "/nothing.parquet")
        }
        for bytes in [[], Array("PAR1".utf8), Array("PAR1PAR1".utf8), [UInt8](repeating: 0, count: 4096)] {
            #expect(throws: damaged) { try readAll(bytes, folder.path + "/other.parquet") }
        }
    }
}
