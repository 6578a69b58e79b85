// SPDX-License-Identifier: Apache-2.0
//
// HPACK, the compression of HTTP/2's headers (RFC 7541).
//
// Reads   whole header blocks of one direction, in order.
// Writes  the fields of each block, in one buffer of texts.
// Leaves  how blocks are cut into frames (HTTP2.swift), what fields mean.
//
// Bounded: the table by `tableBytesMax`, what one block may become by `listBytesMax`.
//
// A direction that is joined in the middle has entries that nobody here knows. What is put into the table from then on
// is known, and has the lowest numbers; a field of an older one is left out and counted.

import Records
import Wire

/// One field of a header block; both texts stand in the decoder's buffer.
struct HPACKField {
    var name: Text
    var value: Text
}

/// The decoder of one direction. After an error the two ends no longer have the same table,
/// so nothing more can be read.
struct HPACK {
    /// Octets of the dynamic table, by the reckoning of RFC 7541 section 4.1.
    static let tableBytesMax = 1 << 16
    /// Octets that the fields of one block may become. An octet may stand for a whole table's entry.
    static let listBytesMax = 1 << 18
    static let fieldsMax = 1024
    /// Octets of a block that is followed beyond what is kept; one that becomes more is no list of headers.
    static let blockTextBytesMax = 1 << 20

    private(set) var fields: [HPACKField] = []
    private(set) var text = TextBuffer()
    /// Sizes of the table that the block began with.
    private(set) var sizeUpdates: [UInt64] = []
    /// The block became more than is kept; the rest of it was only followed.
    private(set) var isExcessive = false
    /// The table's first entries were not seen.
    var isJoinedLate = false
    /// Fields that older entries than those stand for; never reset by a block.
    private(set) var unknownCount: UInt64 = 0
    private var table = HPACKTable()

    mutating func reset() {
        fields.removeAll(keepingCapacity: true)
        sizeUpdates.removeAll(keepingCapacity: true)
        if text.bytes.capacity > TLS.keptBytesMax { text = TextBuffer() }
        text.clear()
        (isExcessive, isJoinedLate, unknownCount) = (false, false, 0)
        table = HPACKTable()
    }

    /// Decodes a block into `fields`.
    ///
    ///     1 index (7)           both are in a table
    ///     01 index (6) …        literal, put into the table
    ///     001 size (5)          the table changes its size
    ///     0000 or 0001 index (4) …   literal, not put there
    mutating func decode(_ block: RawSpan) throws(WireError) {
        fields.removeAll(keepingCapacity: true)
        sizeUpdates.removeAll(keepingCapacity: true)
        text.clear()
        isExcessive = false
        var input = Cursor(block)
        while let first = input.peek {
            switch first {
            case 0x80...: try indexed(try HPACK.integer(&input, prefix: 7), at: input.offset)
            case 0x40..<0x80:
                let field = try literal(&input, prefix: 6)
                table.insert(field, of: text)
                keep(field)
            case 0x20..<0x40:
                let size = try HPACK.integer(&input, prefix: 5)
                guard size <= HPACK.tableBytesMax, fields.isEmpty else { throw .malformed(at: input.offset) }
                table.resize(to: size)
                if sizeUpdates.count < 2 { sizeUpdates.append(UInt64(size)) }
            default: keep(try literal(&input, prefix: 4))
            }
        }
    }

    private mutating func keep(_ field: HPACKField) {
        // No field is without a name but one whose name is not known.
        if isJoinedLate, field.name.count == 0 { return unknownCount &+= 1 }
        guard fields.count < HPACK.fieldsMax else {
            isExcessive = true
            return
        }
        fields.append(field)
    }

    private mutating func indexed(_ index: Int, at offset: Int) throws(WireError) {
        guard text.bytes.count < HPACK.listBytesMax, fields.count < HPACK.fieldsMax else {
            isExcessive = true
            return
        }
        guard let name = copy(index, isValue: false), let value = copy(index, isValue: true) else {
            guard isUnknown(index) else { throw .malformed(at: offset) }
            return unknownCount &+= 1
        }
        keep(HPACKField(name: name, value: value))
    }

    /// Whether a number may be of an entry that was put into the table before this direction was joined.
    private func isUnknown(_ index: Int) -> Bool {
        isJoinedLate && index > 0 && index <= HPACKTables.entries.count &+ HPACK.tableBytesMax / 32
    }

    /// The name or the value of an entry: 1 to 61 are the same for all, those behind them this direction's own.
    private mutating func copy(_ index: Int, isValue: Bool) -> Text? {
        guard index > 0 else { return nil }
        if index <= HPACKTables.entries.count {
            let entry = HPACKTables.entries[index &- 1]
            return text.add(isValue ? entry.1 : entry.0)
        }
        return table.copy(index &- HPACKTables.entries.count &- 1, isValue: isValue, to: &text)
    }

    private mutating func literal(_ input: inout Cursor, prefix: UInt8) throws(WireError) -> HPACKField {
        // Two octets may name an entry of 64 kilobytes, thousands of times in one block.
        guard text.bytes.count <= HPACK.blockTextBytesMax else { throw .malformed(at: input.offset) }
        let index = try HPACK.integer(&input, prefix: prefix)
        let name: Text
        if index == 0 {
            name = try string(&input)
        } else if let known = copy(index, isValue: false) {
            name = known
        } else if isUnknown(index) {
            name = text.add(RawSpan())
        } else {
            throw .malformed(at: input.offset)
        }
        return HPACKField(name: name, value: try string(&input))
    }

    /// A length with a bit for Huffman's code, and the octets.
    private mutating func string(_ input: inout Cursor) throws(WireError) -> Text {
        guard let first = input.peek else { throw .truncated(at: input.offset) }
        let octets = try input.take(try HPACK.integer(&input, prefix: 7))
        guard first & 0x80 != 0 else { return text.add(octets) }
        let start = text.begin()
        guard HPACKHuffman.decode(octets, to: &text.bytes) else { throw .malformed(at: input.offset) }
        return text.end(start)
    }

    /// An integer whose first bits stand in an octet with others (RFC 7541 section 5.1).
    static func integer(_ input: inout Cursor, prefix: UInt8) throws(WireError) -> Int {
        let mask = UInt8(truncatingIfNeeded: (1 << Int(prefix)) &- 1)
        var value = Int(try input.read(UInt8.self) & mask)
        guard value == Int(mask) else { return value }
        for shift in stride(from: 0, to: 28, by: 7) {
            let octet = try input.read(UInt8.self)
            value &+= Int(octet & 0x7F) << shift
            if octet & 0x80 == 0 { return value }
        }
        // It has no end within the octets that it may have.
        throw .truncated(at: input.offset)
    }
}

/// The dynamic table: the newest entry is number 0, the oldest goes first.
struct HPACKTable {
    private struct Entry {
        var offset: Int
        var nameCount: Int
        var valueCount: Int
        /// RFC 7541 section 4.1.
        var size: Int { nameCount &+ valueCount &+ 32 }
    }

    private var arena: [UInt8] = []
    private var entries: [Entry] = []
    /// Entries before this one are gone.
    private var first = 0
    private var size = 0
    private var limit = 4096

    mutating func resize(to limit: Int) {
        self.limit = limit
        evict(to: limit)
    }

    mutating func insert(_ field: HPACKField, of text: borrowing TextBuffer) {
        let entry = Entry(offset: arena.count, nameCount: Int(field.name.count), valueCount: Int(field.value.count))
        guard entry.size <= limit else { return evict(to: 0) }
        evict(to: limit &- entry.size)
        compact()
        entries.append(Entry(offset: arena.count, nameCount: entry.nameCount, valueCount: entry.valueCount))
        arena += text[field.name]
        arena += text[field.value]
        size &+= entry.size
    }

    func copy(_ index: Int, isValue: Bool, to text: inout TextBuffer) -> Text? {
        guard index < entries.count &- first else { return nil }
        let entry = entries[entries.count &- 1 &- index]
        let start = text.begin()
        let from = entry.offset &+ (isValue ? entry.nameCount : 0)
        text.bytes += arena[from ..< from &+ (isValue ? entry.valueCount : entry.nameCount)]
        return text.end(start)
    }

    private mutating func evict(to room: Int) {
        while size > room, first < entries.count {
            size &-= entries[first].size
            first &+= 1
        }
    }

    /// Gives back what the entries that are gone have held, when that is the greater part.
    private mutating func compact() {
        let dead = first < entries.count ? entries[first].offset : arena.count
        guard dead > max(4096, arena.count / 2) || first > max(256, entries.count / 2) else { return }
        arena.removeFirst(dead)
        entries.removeFirst(first)
        first = 0
        for index in entries.indices { entries[index].offset &-= dead }
    }
}

/// Huffman's code of RFC 7541, appendix B. It is canonical: the lengths say all.
enum HPACKHuffman {
    private struct Level {
        /// First code of this length, and how many there are.
        var first: UInt32 = 0
        var count: UInt32 = 0
        /// Where the symbols of this length begin in `symbols`.
        var offset = 0
    }

    private static let symbols: [UInt16] = {
        let lengths = HPACKTables.codeLengths
        return (0..<UInt16(lengths.count)).sorted { (lengths[Int($0)], $0) < (lengths[Int($1)], $1) }
    }()

    private static let levels: [Level] = {
        var levels = [Level](repeating: Level(), count: 31)
        for length in HPACKTables.codeLengths { levels[Int(length)].count += 1 }
        var code: UInt32 = 0
        var offset = 0
        for length in 1..<levels.count {
            code <<= 1
            levels[length].first = code
            levels[length].offset = offset
            code += levels[length].count
            offset += Int(levels[length].count)
        }
        return levels
    }()

    /// Appends what the octets stand for. False where they are no whole code, or where what is left at the
    /// end is more than seven ones.
    static func decode(_ octets: RawSpan, to bytes: inout [UInt8]) -> Bool {
        var code: UInt32 = 0
        var length = 0
        for place in 0..<octets.byteCount {
            let octet = octets.octet(place)
            for shift in stride(from: 7, through: 0, by: -1) {
                code = code << 1 | UInt32(octet >> UInt8(shift) & 1)
                length &+= 1
                guard length < levels.count else { return false }
                let level = levels[length]
                guard level.count > 0, code &- level.first < level.count else { continue }
                let symbol = symbols[level.offset &+ Int(code &- level.first)]
                // The end of the string is never said.
                guard symbol < 256 else { return false }
                bytes.append(UInt8(truncatingIfNeeded: symbol))
                (code, length) = (0, 0)
            }
        }
        return length < 8 && code == (1 << UInt32(length)) &- 1
    }
}
