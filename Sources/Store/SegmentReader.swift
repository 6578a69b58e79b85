// SPDX-License-Identifier: Apache-2.0
//
// One segment, read column by column.
//
// Reads   Parquet as `SegmentWriter` writes it, mapped into memory.
// Writes  `ColumnVector`s.
// Leaves  which segments there are (`StoreReader`), comparing (the query).
//
// Nothing in the file is believed: each offset is compared with the file's size, each count with what was read.

package import Records
internal import Synchronization

/// A column of a segment.
package struct SegmentColumn: Sendable, Equatable {
    /// The name in SQL, `id_orig_h`.
    package let name: String
    package let kind: ColumnKind

    package init(name: String, kind: ColumnKind) {
        self.name = name
        self.kind = kind
    }
}

/// A stretch of rows of one column that is read as a whole.
package struct SegmentPage: Sendable {
    /// Rows counted from the start of the row group.
    package let rows: Range<Int>
    package let bounds: ColumnBounds
}

/// A segment file, open for reading. Holds the mapping until it goes.
package final class SegmentReader: Sendable {
    /// In the order in which they are stored.
    package let columns: [SegmentColumn]
    /// What the footer says about the segment: `weir.log`, `weir.sensor`, `weir.version`, `weir.fingerprint`.
    package let properties: [String: String]
    private let file: MappedSegment
    private let groups: [RowGroup]
    /// Decoded dictionaries by row group and column: a reader that goes page by page asks for each again and again.
    private let dictionaries = Mutex<[Int: ChunkDictionary]>([:])

    /// Rows and values above this in a row group are a lie: the writer's bound is far below.
    static let countMax = 1 << 24
    private static let pageHeaderBytesMax = 256

    /// Opens and checks the footer. Throws `.unreadable` or `.damagedSegment`.
    package init(path: String) throws(StoreError) {
        file = try MappedSegment(path: path)
        let footer = try SegmentReader.footer(file)
        var properties: [String: String] = [:]
        for (key, value) in footer.keyValues { properties[key] = value }
        self.properties = properties
        columns = try SegmentReader.columns(properties["weir.columns"] ?? "", file)
        groups = footer.rowGroups
        var rows = 0
        for group in groups {
            guard group.columns.count == columns.count, group.rowCount <= SegmentReader.countMax else {
                throw SegmentReader.damage(file, "its row groups do not fit its columns")
            }
            for (chunk, column) in zip(group.columns, columns)
            where chunk.type != column.kind.physicalType || chunk.valueCount > SegmentReader.countMax {
                throw SegmentReader.damage(file, "column \(column.name) is not of its kind")
            }
            rows += group.rowCount
        }
        guard rows == footer.rowCount else { throw SegmentReader.damage(file, "its rows do not add up") }
        rowCount = rows
    }

    package let rowCount: Int
    package var rowGroupCount: Int { groups.count }
    package func rowCount(rowGroup: Int) -> Int { groups[rowGroup].rowCount }
    /// Octets of a column's pages, dictionary included.
    package func byteCount(column: Int, rowGroup: Int) -> Int { groups[rowGroup].columns[column].compressedSize }
    package func index(of column: String) -> Int? { columns.firstIndex { $0.name == column } }

    private static func footer(_ file: MappedSegment) throws(StoreError) -> FileMetadata {
        let size = file.byteCount
        guard size >= 12, file.bytes(0, 4) == SegmentWriter.magic, file.bytes(size &- 4, 4) == SegmentWriter.magic,
            let word = file.word(size &- 8)
        else { throw damage(file, "it does not begin and end as a segment does") }
        let count = Int(word & 0xFFFF_FFFF)
        guard count <= size &- 12, let bytes = file.bytes(size &- 8 &- count, count) else {
            throw damage(file, "its footer is longer than the file")
        }
        var reader = ThriftReader(bytes)
        do { return try FileMetadata(&reader) } catch { throw damage(file, "its footer makes no sense") }
    }

    /// The columns that were read last: a log's segments mostly have the same.
    private static let lastColumns = Mutex<(text: String, columns: [SegmentColumn])>(("", []))

    private static func columns(_ text: String, _ file: MappedSegment) throws(StoreError) -> [SegmentColumn] {
        let last = lastColumns.withLock { $0 }
        if text == last.text, !text.isEmpty { return last.columns }
        var columns: [SegmentColumn] = []
        for part in text.split(separator: ",") {
            guard let colon = part.lastIndex(of: ":"),
                let kind = ColumnKind(storedName: String(part[part.index(after: colon)...]))
            else { throw damage(file, "its footer names no columns of Weir's kinds") }
            columns.append(SegmentColumn(name: String(part[..<colon]), kind: kind))
        }
        lastColumns.withLock { [columns] in $0 = (text, columns) }
        return columns
    }

    static func damage(_ file: MappedSegment, _ reason: String) -> StoreError {
        StoreError(
            .damagedSegment, "the segment is damaged: \(reason)", path: file.path,
            advice: "see that the disk is in order; replay its source with --again, or restore the file")
    }

    // MARK: pruning

    /// Bounds over a whole row group; costs nothing.
    package func bounds(column: Int, rowGroup: Int) -> ColumnBounds {
        let chunk = groups[rowGroup].columns[column]
        return ColumnBounds(chunk.statistics, columns[column].kind, rowCount: chunk.valueCount)
    }

    /// Bounds of each page, out of the page index; reads a few octets a page. One page where there is no index.
    package func pages(column: Int, rowGroup: Int) throws(StoreError) -> [SegmentPage] {
        let chunk = groups[rowGroup].columns[column]
        guard let offset = chunk.columnIndexOffset else {
            let bounds = bounds(column: column, rowGroup: rowGroup)
            return [SegmentPage(rows: 0..<groups[rowGroup].rowCount, bounds: bounds)]
        }
        let locations = try locations(column, rowGroup)
        guard let bytes = file.bytes(offset, chunk.columnIndexLength) else { throw damage(column, "its page index") }
        var reader = ThriftReader(bytes)
        let index: ColumnIndex
        do { index = try ColumnIndex(&reader) } catch { throw damage(column, "its page index") }
        guard index.nullPages.count == locations.count else { throw damage(column, "its page index") }
        return locations.indices.map { page in
            let rows = rows(of: page, locations, rowGroup)
            var statistics = Statistics(nullCount: index.nullCounts[page])
            if !index.nullPages[page] { (statistics.min, statistics.max) = (index.mins[page], index.maxes[page]) }
            return SegmentPage(rows: rows, bounds: ColumnBounds(statistics, columns[column].kind, rowCount: rows.count))
        }
    }

    /// Whether some row group has a bloom filter of the column.
    func hasBloomFilter(column: Int) -> Bool { groups.contains { $0.columns[column].bloomOffset != nil } }

    /// False where the bloom filter proves that no cell (or element) equals `text`; true where there is no filter.
    package func mayContain(column: Int, rowGroup: Int, text: ArraySlice<UInt8>) throws(StoreError) -> Bool {
        let chunk = groups[rowGroup].columns[column]
        guard let offset = chunk.bloomOffset else { return true }
        guard let header = file.bytes(offset, min(chunk.bloomLength, 64)) else {
            throw damage(column, "its bloom filter")
        }
        var reader = ThriftReader(header)
        var byteCount = 0
        do {
            try reader.structure { (reader, field, _) throws(ThriftError) in
                guard field == 1 else { return false }
                byteCount = try reader.size()
                return true
            }
        } catch { throw damage(column, "its bloom filter") }
        guard byteCount >= 32, byteCount % 32 == 0, byteCount == chunk.bloomLength &- reader.position else {
            throw damage(column, "its bloom filter")
        }
        let hash = XXHash.hash(text)
        let block = offset &+ reader.position &+ BloomFilter.block(of: hash, blocks: byteCount / 32) &* 32
        for lane in 0..<8 {
            guard let word = file.word(block &+ lane / 2 &* 8) else { throw damage(column, "its bloom filter") }
            let bit = BloomFilter.bit(of: hash, lane: lane) &+ (lane & 1) &* 32
            if word & (1 << UInt64(bit)) == 0 { return false }
        }
        return true
    }

    // MARK: values

    /// The values of a column for rows of a row group (all rows where `rows` is nil). Only the pages that hold these
    /// rows are read, and the dictionary where there is one. Throws `.damagedSegment`.
    package func read(column: Int, rowGroup: Int, rows: Range<Int>? = nil) throws(StoreError) -> ColumnVector {
        let all = 0..<groups[rowGroup].rowCount
        let wanted = (rows ?? all).clamped(to: all)
        let chunk = groups[rowGroup].columns[column]
        let locations = try locations(column, rowGroup)
        var decoder = ChunkDecoder(columns[column].kind, try dictionary(column, rowGroup))
        for (index, location) in locations.enumerated() {
            let held = self.rows(of: index, locations, rowGroup)
            guard held.overlaps(wanted) else { continue }
            let page = try page(column, chunk, location.offset, size: location.size, .data)
            let part = held.clamped(to: wanted)
            let isRead = decoder.readPage(
                page.body, encoding: page.header.encoding, levelCount: page.header.valueCount, rowCount: held.count,
                wanted: part.lowerBound &- held.lowerBound ..< part.upperBound &- held.lowerBound)
            guard isRead else { throw damage(column, "page \(index) of row group \(rowGroup)") }
        }
        guard let vector = decoder.finish(rowCount: wanted.count) else { throw damage(column, "its rows") }
        return vector
    }

    /// The dictionary of a chunk, if it has one.
    private func dictionary(_ column: Int, _ rowGroup: Int) throws(StoreError) -> ChunkDictionary? {
        let chunk = groups[rowGroup].columns[column]
        guard let offset = chunk.dictionaryOffset else { return nil }
        let key = rowGroup &* columns.count &+ column
        if let known = dictionaries.withLock({ $0[key] }) { return known }
        let page = try page(column, chunk, offset, size: chunk.dataOffset &- offset, .dictionary)
        guard let dictionary = ChunkDictionary(page.body, count: page.header.valueCount, chunk.type) else {
            throw damage(column, "its dictionary")
        }
        dictionaries.withLock { $0[key] = dictionary }
        return dictionary
    }

    private func locations(_ column: Int, _ rowGroup: Int) throws(StoreError) -> [PageLocation] {
        let chunk = groups[rowGroup].columns[column]
        guard let offset = chunk.offsetIndexOffset, let bytes = file.bytes(offset, chunk.offsetIndexLength) else {
            throw damage(column, "its offset index")
        }
        var reader = ThriftReader(bytes)
        let locations: [PageLocation]
        do { locations = try [PageLocation](&reader) } catch { throw damage(column, "its offset index") }
        var last = -1
        for location in locations {
            guard location.firstRow > last, location.firstRow < groups[rowGroup].rowCount else {
                throw damage(column, "its offset index")
            }
            last = location.firstRow
        }
        guard locations.first?.firstRow == 0 else { throw damage(column, "its offset index") }
        return locations
    }

    private func rows(of page: Int, _ locations: [PageLocation], _ rowGroup: Int) -> Range<Int> {
        let end = page &+ 1 < locations.count ? locations[page &+ 1].firstRow : groups[rowGroup].rowCount
        return locations[page].firstRow..<end
    }

    /// A page's header and its octets, decompressed, with `ByteSource.spare` behind them.
    private func page(
        _ column: Int, _ chunk: ColumnChunk, _ offset: Int, size: Int, _ type: PageType
    ) throws(StoreError) -> (header: PageHeader, body: [UInt8]) {
        guard size >= 0, let start = file.bytes(offset, min(size, SegmentReader.pageHeaderBytesMax)) else {
            throw damage(column, "a page beyond the file")
        }
        var reader = ThriftReader(start)
        let header: PageHeader
        do { header = try PageHeader(&reader) } catch { throw damage(column, "a page header") }
        guard header.type == type, header.compressedSize == size &- reader.position,
            header.valueCount <= SegmentReader.countMax
        else { throw damage(column, "a page header") }
        let body = file.decompress(
            offset &+ reader.position, header.compressedSize, plainCount: header.uncompressedSize, chunk.codec,
            spare: ByteSource.spare)
        guard let body else { throw damage(column, "a page's octets") }
        return (header, body)
    }

    private func damage(_ column: Int, _ what: String) -> StoreError {
        SegmentReader.damage(file, "column \(columns[column].name), \(what)")
    }
}

extension SegmentReader {
    package var byteCount: Int { file.byteCount }

    /// Reads every page of every column and compares its checksum, where it has one. Answers how many had.
    /// Throws `.damagedSegment`.
    package func verify() throws(StoreError) -> Int {
        var count = 0
        for rowGroup in groups.indices {
            for column in columns.indices {
                _ = try read(column: column, rowGroup: rowGroup)
                let chunk = groups[rowGroup].columns[column]
                if let offset = chunk.dictionaryOffset {
                    count += try verify(column, offset, size: chunk.dataOffset &- offset)
                }
                for location in try locations(column, rowGroup) {
                    count += try verify(column, location.offset, size: location.size)
                }
            }
        }
        return count
    }

    /// 1 where the page has a checksum and it is right, 0 where it has none.
    private func verify(_ column: Int, _ offset: Int, size: Int) throws(StoreError) -> Int {
        guard let start = file.bytes(offset, min(size, SegmentReader.pageHeaderBytesMax)) else {
            throw damage(column, "a page beyond the file")
        }
        var reader = ThriftReader(start)
        guard let header = try? PageHeader(&reader) else { throw damage(column, "a page header") }
        guard let wanted = header.checksum else { return 0 }
        guard file.checksum(offset &+ reader.position, header.compressedSize) == wanted else {
            throw damage(column, "the checksum of a page")
        }
        return 1
    }
}

extension SegmentReader {
    /// Bounds over the whole segment, in the order of the columns.
    var allBounds: [ColumnBounds] {
        columns.indices.map { column in
            var whole = ColumnBounds(values: nil, nullCount: 0, rowCount: 0)
            for rowGroup in 0..<rowGroupCount { whole.merge(bounds(column: column, rowGroup: rowGroup)) }
            return whole
        }
    }
}
