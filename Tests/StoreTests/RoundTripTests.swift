// SPDX-License-Identifier: Apache-2.0
//
// What the store writes, it reads again: every kind of column, in every shape.

import Records
import Testing

@testable import Store

@Suite struct `Segments` {
    private func settings(rowGroup: Int, page: Int) -> StoreWriter.Settings {
        var settings = StoreWriter.Settings()
        settings.rowGroupRows = rowGroup
        settings.pageRows = page
        return settings
    }

    @Test(arguments: EveryKind.Shape.allCases, [1, 7, 1000])
    func `rows come back as they went in`(_ shape: EveryKind.Shape, _ count: Int) throws {
        let folder = TemporaryFolder()
        let rows = EveryKind.rows(count, shape)
        try folder.store([rows], settings: settings(rowGroup: 400, page: 90))
        let reader = try StoreReader.open(folder.path)
        let segments = try reader.segments(log: "stats")
        #expect(segments.map(\.rowCount) == [count])
        let segment = try SegmentReader(path: try #require(segments.first).path)
        #expect(segment.rowGroupCount == (count + 399) / 400)
        for (index, column) in segment.columns.enumerated() {
            var found: [Any?] = []
            for group in 0..<segment.rowGroupCount { found += cells(try segment.read(column: index, rowGroup: group)) }
            #expect(found.map(written) == rows.map { written($0.stored[column.name]) }, "\(column.name)")
        }
    }

    @Test func `a range of rows is read without the rest`() throws {
        let folder = TemporaryFolder()
        let rows = EveryKind.rows(500, .mixed)
        try folder.store([rows], settings: settings(rowGroup: 1000, page: 64))
        let segment = try SegmentReader(path: try StoreReader.open(folder.path).segments(log: "stats")[0].path)
        for range in [0..<1, 63..<65, 64..<128, 100..<301, 499..<500, 250..<250] {
            for (index, column) in segment.columns.enumerated() {
                let found = cells(try segment.read(column: index, rowGroup: 0, rows: range))
                #expect(found.map(written) == rows[range].map { written($0.stored[column.name]) }, "\(column.name)")
            }
        }
    }

    @Test(arguments: EveryKind.Shape.allCases)
    func `bounds hold every value, of groups, pages and in the catalogue`(_ shape: EveryKind.Shape) throws {
        let folder = TemporaryFolder()
        try folder.store([EveryKind.rows(300, shape)], settings: settings(rowGroup: 200, page: 50))
        let info = try StoreReader.open(folder.path).segments(log: "stats")[0]
        let segment = try SegmentReader(path: info.path)
        for (index, column) in segment.columns.enumerated() {
            for group in 0..<segment.rowGroupCount {
                let vector = try segment.read(column: index, rowGroup: group)
                let whole = segment.bounds(column: index, rowGroup: group)
                let stored = column.kind.isList ? whole : try #require(info.bounds[column.name])
                var outside = 0
                for row in 0..<vector.rowCount where vector.isSet(row) {
                    for place in column.kind.isList ? vector.elements(row) : row ..< row + 1
                    where !contains(whole, vector, place) || !contains(stored, vector, place) { outside += 1 }
                }
                #expect(outside == 0, "\(column.name)")
                guard !column.kind.isList else { continue }
                let pages = try segment.pages(column: index, rowGroup: group)
                #expect(pages.map(\.rows.count).reduce(0, +) == vector.rowCount)
                for page in pages {
                    let set = page.rows.filter(vector.isSet)
                    #expect(page.bounds.nullCount == page.rows.count - set.count)
                    #expect(set.allSatisfy { contains(page.bounds, vector, $0) }, "\(column.name)")
                }
            }
        }
    }

    private func contains(_ bounds: ColumnBounds, _ vector: ColumnVector, _ place: Int) -> Bool {
        switch bounds.values {
        case .signed(let min, let max): (min...max).contains(Int64(bitPattern: vector.words[place]))
        case .unsigned(let min, let max): (min...max).contains(vector.words[place])
        case .real(let min, let max): (min...max).contains(Double(bitPattern: vector.words[place]))
        case .text(let min, let max):
            !vector.text(place).lexicographicallyPrecedes(min) && !max.lexicographicallyPrecedes(vector.text(place))
        case nil: false
        }
    }

    @Test func `a bloom filter knows every value and few strangers`() throws {
        let folder = TemporaryFolder()
        try folder.store([EveryKind.rows(2000, .distinct)])
        let segment = try SegmentReader(path: try StoreReader.open(folder.path).segments(log: "stats")[0].path)
        for name in ["uid", "id_orig_h", "query", "fuid"] {
            let column = try #require(segment.index(of: name))
            let vector = try segment.read(column: column, rowGroup: 0)
            var missing = 0
            for row in 0..<2000
            where try !segment.mayContain(column: column, rowGroup: 0, text: vector.text(row)) { missing += 1 }
            #expect(missing == 0, "\(name)")
            var strangers = 0
            for number in 0..<2000 where try segment.mayContain(
                column: column, rowGroup: 0, text: Array("stranger \(number)".utf8)[...])
            { strangers += 1 }
            #expect(strangers < 100, "\(name)")
        }
        let word = try #require(segment.index(of: "word"))
        #expect(try segment.mayContain(column: word, rowGroup: 0, text: Array("stranger".utf8)[...]))
    }

    @Test func `NaN is kept and is no bound, and zero has both signs`() throws {
        let folder = TemporaryFolder()
        try folder.store([[EveryKind(real: .nan), EveryKind(real: 0), EveryKind(real: .nan)]])
        let segment = try SegmentReader(path: try StoreReader.open(folder.path).segments(log: "stats")[0].path)
        let column = try #require(segment.index(of: "real"))
        #expect(segment.bounds(column: column, rowGroup: 0).values == .real(min: 0, max: 0))
        guard case .real(let min, let max)? = segment.bounds(column: column, rowGroup: 0).values else { return }
        #expect(min.sign == .minus && max.sign == .plus)
        #expect(Double(bitPattern: try segment.read(column: column, rowGroup: 0).words[2]).isNaN)
    }

    @Test func `large dictionaries are not compressed`() throws {
        let folder = TemporaryFolder()
        // 2000 texts of some 20 octets, each ten times: a dictionary pays, and is above 8 KiB.
        let rows = (0..<20_000).map { EveryKind(text: Array("subdomain-\($0 % 2000).example".utf8), word: "few") }
        try folder.store([rows])
        let path = try StoreReader.open(folder.path).segments(log: "stats")[0].path
        let file = try MappedSegment(path: path)
        let footer = Int(try #require(file.word(file.byteCount - 8)) & 0xFFFF_FFFF)
        var thrift = ThriftReader(try #require(file.bytes(file.byteCount - 8 - footer, footer)))
        let chunks = try FileMetadata(&thrift).rowGroups[0].columns
        let segment = try SegmentReader(path: path)
        let chunk = chunks[try #require(segment.index(of: "query"))]
        #expect(chunk.dictionaryOffset != nil && chunk.codec == .uncompressed)
        #expect(chunk.dataOffset - (chunk.dictionaryOffset ?? 0) > 8192)
    }
}
