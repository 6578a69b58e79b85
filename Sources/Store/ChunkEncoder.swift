// SPDX-License-Identifier: Apache-2.0
//
// One column of one row group as a Parquet column chunk.
//
// Reads   a `ColumnBuilder`.
// Writes  pages (header version 1) into an array of octets; statistics, page index, bloom filter.
// Leaves  the file, and the order of the columns (`SegmentWriter`).
//
// Dictionary pages above 8 KiB are never compressed, and neither is the rest of such a chunk: Spark up to 4.3
// fails on them in LZ4_RAW (parquet-java 3478).

internal import Records

/// A column chunk and what stands about it elsewhere in the file.
struct EncodedChunk {
    var chunk = ColumnChunk()
    var locations: [PageLocation] = []
    /// None for lists, and where a page's bounds cannot be given.
    var index: ColumnIndex?
    var bloom: BloomFilter?
}

/// Encodes chunks one after the other, with the same working memory.
struct ChunkEncoder {
    /// How the values of a chunk are written.
    enum Form {
        case booleans, doubles, deltas, numberDictionary, textDictionary, deltaTexts, identities
    }

    /// What one page holds.
    struct Page {
        var rows: Range<Int>
        /// Set values, or elements.
        var values: Range<Int>
        /// Values with their levels: set, unset, and elements.
        var levelCount = 0
        var bodyEnd = 0
    }

    static let dictionaryBytesCompressedMax = 8192

    let pageRows: Int
    private let codec: Codec
    private var form = Form.deltas
    private var pages: [Page] = []
    /// The pages' octets before compression, one behind the other.
    var bodies: [UInt8] = []
    private var part: [UInt8] = []
    private var compressed: [UInt8] = []
    private var dictionaryPage: [UInt8] = []
    private var levels: [UInt32] = []
    private var repetitions: [UInt32] = []
    private var lengths: [UInt64] = []
    private var hybrid = HybridEncoder()
    private var delta = DeltaEncoder()
    private var numbers = WordDictionary()
    private var thrift = ThriftWriter()

    init(pageRows: Int, codec: Codec = .lz4Raw) {
        self.pageRows = pageRows
        self.codec = codec
    }

    /// Appends the chunk to `out`, whose first octet stands at `base` of the file.
    mutating func encode(_ column: inout ColumnBuilder, base: Int, to out: inout [UInt8]) -> EncodedChunk {
        var encoded = EncodedChunk()
        if !column.column.isVerbatim { column.texts.escape() }
        bodies.removeAll(keepingCapacity: true)
        dictionaryPage.removeAll(keepingCapacity: true)
        chooseForm(column)
        if column.column.isKey { encoded.bloom = startBloom(column) }
        divide(column)
        for index in pages.indices {
            encodeLevels(column, index)
            encodeValues(column, pages[index].values, bloom: &encoded.bloom)
            pages[index].bodyEnd = bodies.count
        }
        describeBounds(column, &encoded)
        emit(column, base: base, &encoded, to: &out)
        return encoded
    }

    // MARK: what form

    private mutating func chooseForm(_ column: ColumnBuilder) {
        switch column.column.kind.elementKind {
        case .boolean: form = .booleans
        case .real: form = .doubles
        case .uid, .fuid: form = .identities
        case .text, .enumeration, .address:
            form = chooseTextForm(column)
            if form == .textDictionary { writeTextDictionary(column.texts.pool) }
        default:
            form = numbers.build(column.words) ? .numberDictionary : .deltas
            guard form == .numberDictionary else { return }
            for value in numbers.values {
                if column.column.kind.physicalType == .int32 {
                    dictionaryPage.append(littleEndian: UInt32(truncatingIfNeeded: value))
                } else {
                    dictionaryPage.append(littleEndian: value)
                }
            }
        }
    }

    /// A large dictionary is not compressed, so it must save half of the plain octets to be worth it.
    private func chooseTextForm(_ column: ColumnBuilder) -> Form {
        let pool = column.texts.pool
        guard !column.indices.isEmpty else { return .deltaTexts }
        let dictionary = pool.bytes.count &+ pool.count &* 4
        if dictionary <= ChunkEncoder.dictionaryBytesCompressedMax { return .textDictionary }
        var plain = 0
        for index in column.indices { plain &+= pool.range(Int(index)).count &+ 1 }
        let indices = column.indices.count &* bitWidth(of: UInt64(pool.count)) / 8
        return dictionary &+ indices <= plain / 2 ? .textDictionary : .deltaTexts
    }

    private mutating func writeTextDictionary(_ pool: TextPool) {
        for index in 0..<pool.count {
            let range = pool.range(index)
            dictionaryPage.append(littleEndian: UInt32(truncatingIfNeeded: range.count))
            dictionaryPage.append(contentsOf: pool.bytes[range])
        }
    }

    private func startBloom(_ column: ColumnBuilder) -> BloomFilter? {
        guard column.valueCount > 0 else { return nil }
        if form == .identities { return BloomFilter(count: column.words.count) }
        let pool = column.texts.pool
        guard pool.count > 0 else { return nil }
        var bloom = BloomFilter(count: pool.count)
        for index in 0..<pool.count { bloom.insert(hash: XXHash.hash(pool.bytes, pool.range(index))) }
        return bloom
    }

    // MARK: pages

    /// Cuts the rows into pages.
    private mutating func divide(_ column: ColumnBuilder) {
        pages.removeAll(keepingCapacity: true)
        var row = 0
        var value = 0
        repeat {
            let end = min(row &+ pageRows, column.rowCount)
            var page = Page(rows: row..<end, values: value..<value)
            if column.column.kind.isList {
                var elements = 0
                for count in column.listCounts[row..<end] {
                    elements &+= max(Int(count) &- 1, 0)
                    page.levelCount &+= max(Int(count) &- 1, 1)
                }
                page.values = value ..< value &+ elements
            } else {
                page.values = value ..< column.setCount(before: end)
                page.levelCount = end &- row
            }
            pages.append(page)
            row = end
            value = page.values.upperBound
        } while row < column.rowCount
    }

    /// Appends the levels of a page: which values are set, and which belong to one list.
    private mutating func encodeLevels(_ column: ColumnBuilder, _ pageIndex: Int) {
        let page = pages[pageIndex]
        guard !column.column.kind.isList else { return encodeListLevels(column, page) }
        part.removeAll(keepingCapacity: true)
        if page.values.count == page.rows.count || page.values.isEmpty {
            hybrid.run(page.values.isEmpty ? 0 : 1, count: page.rows.count, width: 1, to: &part)
        } else {
            levels.removeAll(keepingCapacity: true)
            for row in page.rows {
                levels.append(UInt32(truncatingIfNeeded: column.validity[row >> 6] >> UInt64(row & 63) & 1))
            }
            hybrid.encode(levels, 0..<levels.count, width: 1, to: &part)
        }
        appendPart()
    }

    private mutating func encodeListLevels(_ column: ColumnBuilder, _ page: Page) {
        levels.removeAll(keepingCapacity: true)
        repetitions.removeAll(keepingCapacity: true)
        for count in column.listCounts[page.rows] {
            repetitions.append(0)
            levels.append(min(count, 2))
            for _ in 2 ..< max(count, 2) {
                repetitions.append(1)
                levels.append(2)
            }
        }
        part.removeAll(keepingCapacity: true)
        hybrid.encode(repetitions, 0..<repetitions.count, width: 1, to: &part)
        appendPart()
        part.removeAll(keepingCapacity: true)
        hybrid.encode(levels, 0..<levels.count, width: 2, to: &part)
        appendPart()
    }

    private mutating func appendPart() {
        bodies.append(littleEndian: UInt32(truncatingIfNeeded: part.count))
        bodies.append(contentsOf: part)
    }

    private mutating func encodeValues(_ column: ColumnBuilder, _ range: Range<Int>, bloom: inout BloomFilter?) {
        switch form {
        case .booleans:
            var packer = BitPacker()
            for index in range { packer.append(column.words[index] & 1, width: 1) }
            packer.finish(to: &bodies)
        case .doubles: bodies.append(words: column.words[range])
        case .deltas: delta.encode(column.words, range, to: &bodies)
        case .numberDictionary: encodeIndices(numbers.indices, range, count: numbers.values.count)
        case .textDictionary: encodeIndices(column.indices, range, count: column.texts.count)
        case .deltaTexts:
            let pool = column.texts.pool
            lengths.removeAll(keepingCapacity: true)
            for index in range { lengths.append(UInt64(pool.range(Int(column.indices[index])).count)) }
            delta.encode(lengths, 0..<lengths.count, to: &bodies)
            for index in range { bodies.append(contentsOf: pool[Int(column.indices[index])]) }
        case .identities: encodeIdentities(column, range, bloom: &bloom)
        }
    }

    private mutating func encodeIndices(_ indices: [UInt32], _ range: Range<Int>, count: Int) {
        let width = bitWidth(of: UInt64(max(count &- 1, 0)))
        bodies.append(UInt8(width))
        hybrid.encode(indices, range, width: width, to: &bodies)
    }

    private mutating func encodeIdentities(_ column: ColumnBuilder, _ range: Range<Int>, bloom: inout BloomFilter?) {
        lengths.removeAll(keepingCapacity: true)
        lengths.append(contentsOf: repeatElement(12, count: range.count))
        delta.encode(lengths, 0..<lengths.count, to: &bodies)
        let prefix = column.column.kind.elementKind == .uid ? UID.connectionPrefix : UID.filePrefix
        for index in range {
            UID(value: column.words[index]).write(prefix: prefix, to: &bodies)
            bloom?.insert(hash: XXHash.hash(bodies, bodies.count &- 12 ..< bodies.count))
        }
    }

    // MARK: bounds

    private func describeBounds(_ column: ColumnBuilder, _ encoded: inout EncodedChunk) {
        var index = ColumnIndex()
        var whole = ValueExtremes(column)
        var isIndexed = !column.column.kind.isList
        for page in pages {
            var extremes = ValueExtremes(column)
            extremes.add(column, page.values)
            whole.add(extremes, column)
            let bounds = extremes.statistics(column)
            index.nullPages.append(page.values.isEmpty)
            index.nullCounts.append(page.levelCount &- page.values.count)
            index.mins.append(bounds.min ?? [])
            index.maxes.append(bounds.max ?? [])
            if bounds.min == nil && !page.values.isEmpty { isIndexed = false }
        }
        encoded.chunk.statistics = whole.statistics(column)
        encoded.chunk.statistics.nullCount = index.nullCounts.reduce(0, &+)
        encoded.index = isIndexed ? index : nil
    }

    // MARK: octets

    private var encodings: [Encoding] {
        switch form {
        case .booleans, .doubles: [.plain, .rle]
        case .deltas: [.deltaBinaryPacked, .rle]
        case .numberDictionary, .textDictionary: [.rleDictionary, .plain, .rle]
        case .deltaTexts, .identities: [.deltaLengthByteArray, .rle]
        }
    }

    private mutating func emit(
        _ column: ColumnBuilder, base: Int, _ encoded: inout EncodedChunk, to out: inout [UInt8]
    ) {
        let start = base &+ out.count
        encoded.chunk.type = column.column.kind.physicalType
        encoded.chunk.encodings = encodings
        encoded.chunk.codec = chooseCodec()
        encoded.chunk.dataPageCount = pages.count
        var header = PageHeader()
        if form == .numberDictionary || form == .textDictionary {
            header.type = .dictionary
            header.valueCount = form == .textDictionary ? column.texts.count : numbers.values.count
            encoded.chunk.dictionaryOffset = start
            append(dictionaryPage, header, &encoded.chunk, to: &out)
        }
        header.type = .data
        header.encoding = encoded.chunk.encodings[0]
        encoded.chunk.dataOffset = base &+ out.count
        var bodyStart = 0
        for page in pages {
            let place = base &+ out.count
            header.valueCount = page.levelCount
            encoded.chunk.valueCount &+= page.levelCount
            append(Array(bodies[bodyStart..<page.bodyEnd]), header, &encoded.chunk, to: &out)
            encoded.locations.append(
                PageLocation(offset: place, size: base &+ out.count &- place, firstRow: page.rows.lowerBound))
            bodyStart = page.bodyEnd
        }
        encoded.chunk.compressedSize = base &+ out.count &- start
    }

    /// LZ4 where the rule above allows it and the first page becomes smaller by a sixteenth; Zstandard
    /// wherever it was chosen: what fails on large dictionaries is Spark's LZ4_RAW alone.
    private mutating func chooseCodec() -> Codec {
        if codec == .zstd { return .zstd }
        guard dictionaryPage.count <= ChunkEncoder.dictionaryBytesCompressedMax, let first = pages.first else {
            return .uncompressed
        }
        compressed.removeAll(keepingCapacity: true)
        guard LZ4.compress(dictionaryPage, to: &compressed),
            LZ4.compress(Array(bodies[0..<first.bodyEnd]), to: &compressed)
        else { return .uncompressed }
        let plain = dictionaryPage.count &+ first.bodyEnd
        return compressed.count < plain &- plain / 16 ? .lz4Raw : .uncompressed
    }

    private mutating func append(
        _ body: [UInt8], _ header: PageHeader, _ chunk: inout ColumnChunk, to out: inout [UInt8]
    ) {
        var header = header
        header.uncompressedSize = body.count
        compressed.removeAll(keepingCapacity: true)
        switch chunk.codec {
        case .lz4Raw: _ = LZ4.compress(body, to: &compressed)
        case .zstd: _ = Zstd.compress(body, to: &compressed)
        case .uncompressed: break
        }
        let octets = chunk.codec == .uncompressed ? body : compressed
        header.compressedSize = octets.count
        header.checksum = PageChecksum.crc32(octets)
        thrift.clear()
        header.write(to: &thrift)
        chunk.uncompressedSize &+= thrift.bytes.count &+ body.count
        out.append(contentsOf: thrift.bytes)
        out.append(contentsOf: octets)
    }
}
