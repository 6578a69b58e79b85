// SPDX-License-Identifier: Apache-2.0
//
// Zeek's tab-separated form, with its header and closing line.
//
// Reads   rows of a batch.
// Writes  lines: `-` is unset, `(empty)` a text or list of nothing, `T` and `F`.
// Leaves  the wall clock: `#open` and `#close` are times of rows, in UTC, so that a
//         replay writes the same octets every time.

import Records

/// The writer of one log's rows as tab-separated values.
struct TSVForm: RowForm {
    private let layout: RowLayout
    private let empty: [UInt8] = Array("(empty)".utf8)

    init(_ layout: RowLayout) { self.layout = layout }

    /// The lines before the first row.
    func header(opened: Timestamp) -> String {
        var names = layout.schema.columns.map(\.name)
        var types = layout.schema.columns.map(\.kind.zeekName.description)
        if layout.addsCommunityID {
            names.append("community_id")
            types.append("string")
        }
        return """
            #separator \\x09
            #set_separator\t,
            #empty_field\t(empty)
            #unset_field\t-
            #path\t\(layout.schema.path)
            #open\t\(headerTime(opened))
            #fields\t\(names.joined(separator: "\t"))
            #types\t\(types.joined(separator: "\t"))

            """
    }

    /// The line after the last row.
    func footer(closed: Timestamp) -> String { "#close\t\(headerTime(closed))\n" }

    func append(
        _ row: Int, of batch: borrowing RowBatch,
        to line: inout MutableSpan<UInt8>, _ at: inout Int, scratch: inout [UInt8]
    ) -> Bool {
        let words = batch.words.span
        let base = row &* layout.schema.stride
        let present = words[base &+ 2]
        for (index, place) in layout.places.enumerated() {
            guard line.count &- at >= cellBytesMax else { return false }
            if index > 0 { line.put(0x09, &at) }
            guard present & place.bit != 0 else {
                line.put(0x2D, &at)
                continue
            }
            let word = words[base &+ place.word]
            switch place.kind {
            case .text, .enumeration:
                let start = Int(word >> 32)
                let end = start &+ Int(word & 0xFFFF_FFFF)
                guard appendText(start, end, of: batch, inList: false, to: &line, &at, scratch: &scratch) else {
                    return false
                }
            case .address:
                line.put(Address(high: word, low: words[base &+ place.word &+ 1]), &at, scratch: &scratch)
            case _ where place.kind.isList:
                guard appendList(word, place.kind, of: batch, to: &line, &at, scratch: &scratch) else { return false }
            default:
                append(word, place.kind, to: &line, &at)
            }
        }
        guard line.count &- at >= cellBytesMax else { return false }
        if layout.addsCommunityID {
            line.put(0x09, &at)
            if let id = layout.connection(row, of: batch) {
                scratch.removeAll(keepingCapacity: true)
                CommunityID.write(id: id, to: &scratch)
                line.put(octets: scratch, &at)
            } else {
                line.put(0x2D, &at)
            }
        }
        line.put(0x0A, &at)
        return true
    }

    private func append(_ word: UInt64, _ kind: ColumnKind, to line: inout MutableSpan<UInt8>, _ at: inout Int) {
        switch kind {
        case .time, .interval, .intervalVector: line.put(seconds: Int64(bitPattern: word), trimmed: false, &at)
        case .integer: line.put(signed: Int64(bitPattern: word), &at)
        case .real: line.put(real: Double(bitPattern: word), &at)
        case .boolean: line.put(word != 0 ? 0x54 : 0x46, &at)
        case .uid, .uidSet: line.put(uid: word, prefix: UID.connectionPrefix, &at)
        case .fuid, .fuidVector: line.put(uid: word, prefix: UID.filePrefix, &at)
        default: line.put(decimal: word, &at)
        }
    }

    private func appendList(
        _ cell: UInt64, _ kind: ColumnKind, of batch: borrowing RowBatch,
        to line: inout MutableSpan<UInt8>, _ at: inout Int, scratch: inout [UInt8]
    ) -> Bool {
        let count = Int(cell & 0xFFFF_FFFF)
        if count == 0 { line.put(octets: empty, &at) }
        var place = Int(cell >> 32)
        for element in 0..<count {
            guard line.count &- at >= cellBytesMax else { return false }
            if element > 0 { line.put(0x2C, &at) }
            switch kind {
            case .textSet, .textVector:
                let range = batch.listText(&place)
                let (start, end) = (range.lowerBound, range.upperBound)
                guard appendText(start, end, of: batch, inList: true, to: &line, &at, scratch: &scratch) else {
                    return false
                }
            case .addressVector:
                let address = Address(high: batch.listWord(&place), low: batch.listWord(&place))
                line.put(address, &at, scratch: &scratch)
            default:
                append(batch.listWord(&place), kind, to: &line, &at)
            }
        }
        return true
    }

    /// A text: a backslash is doubled, the set separator is escaped inside lists, and what
    /// would read as unset or empty has its first octet escaped.
    private func appendText(
        _ start: Int, _ end: Int, of batch: borrowing RowBatch, inList: Bool,
        to line: inout MutableSpan<UInt8>, _ at: inout Int, scratch: inout [UInt8]
    ) -> Bool {
        let octets = batch.bytes.span
        let count = end &- start
        // An octet becomes at most four, `\xnn`.
        guard line.count &- at >= count &* 4 &+ cellBytesMax else { return false }
        if count == 0 {
            line.put(octets: empty, &at)
            return true
        }
        var index = start
        if isReserved(octets, start, count) {
            appendEscape(octets[start], to: &line, &at)
            index &+= 1
        }
        var isPlain = true
        for place in index..<end where isPlain {
            let octet = octets[place]
            isPlain = octet &- 0x20 < 0x5F && octet != 0x5C && octet != 0x2C
        }
        if isPlain {
            line.put(octets: octets, index, end, &at)
        } else {
            appendSlowly(index, end, of: batch, inList: inList, to: &line, &at, scratch: &scratch)
        }
        return true
    }

    /// A text with octets to escape. Cutting at backslashes and commas never cuts a character of UTF-8.
    private func appendSlowly(
        _ start: Int, _ end: Int, of batch: borrowing RowBatch, inList: Bool,
        to line: inout MutableSpan<UInt8>, _ at: inout Int, scratch: inout [UInt8]
    ) {
        scratch.removeAll(keepingCapacity: true)
        var from = start
        for index in start..<end {
            let octet = batch.bytes[index]
            guard octet == 0x5C || inList && octet == 0x2C else { continue }
            TextEscaping.appendEscaped(batch.bytes, from..<index, to: &scratch)
            scratch.append(contentsOf: octet == 0x5C ? "\\\\".utf8 : "\\x2c".utf8)
            from = index &+ 1
        }
        TextEscaping.appendEscaped(batch.bytes, from..<end, to: &scratch)
        line.put(octets: scratch, &at)
    }

    /// Whether the text is `-` or `(empty)`, which mean something else.
    private func isReserved(_ octets: borrowing Span<UInt8>, _ start: Int, _ count: Int) -> Bool {
        if count == 1 { return octets[start] == 0x2D }
        guard count == empty.count else { return false }
        for index in 0..<count where octets[start &+ index] != empty[index] { return false }
        return true
    }

    private func appendEscape(_ octet: UInt8, to line: inout MutableSpan<UInt8>, _ at: inout Int) {
        line.put(0x5C, &at)
        line.put(0x78, &at)
        line.put(TextBuffer.hexadecimalDigit(octet >> 4), &at)
        line.put(TextBuffer.hexadecimalDigit(octet & 15), &at)
    }
}
