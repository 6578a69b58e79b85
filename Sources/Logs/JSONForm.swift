// SPDX-License-Identifier: Apache-2.0
//
// Zeek's JSON: one object a line, flat keys, unset columns left out.
//
// Reads   rows of a batch.
// Writes  lines; times and durations as seconds with at most six decimals.
// Leaves  what is text: octets that are not UTF-8 become `\xnn` by TextEscaping's rule.

import Records

/// The writer of one log's rows as JSON.
struct JSONForm: RowForm {
    private let layout: RowLayout
    private let communityKey: [UInt8] = Array(",\"community_id\":\"".utf8)
    private let trueOctets: [UInt8] = Array("true".utf8)
    private let falseOctets: [UInt8] = Array("false".utf8)
    private let nullOctets: [UInt8] = Array("null".utf8)

    init(_ layout: RowLayout) { self.layout = layout }

    func append(
        _ row: Int, of batch: borrowing RowBatch,
        to line: inout MutableSpan<UInt8>, _ at: inout Int, scratch: inout [UInt8]
    ) -> Bool {
        let words = batch.words.span
        let keys = layout.keys.span
        let base = row &* layout.schema.stride
        let present = words[base &+ 2]
        let start = at
        for place in layout.places where present & place.bit != 0 {
            guard line.count &- at >= place.keyCount &+ cellBytesMax else { return false }
            line.put(words: keys, place.key, count: place.keyCount, &at)
            let word = words[base &+ place.word]
            switch place.kind {
            case .text, .enumeration:
                let from = Int(word >> 32)
                let end = from &+ Int(word & 0xFFFF_FFFF)
                guard appendText(from, end, of: batch, to: &line, &at, scratch: &scratch) else { return false }
            case .address:
                line.put(0x22, &at)
                line.put(Address(high: word, low: words[base &+ place.word &+ 1]), &at, scratch: &scratch)
                line.put(0x22, &at)
            case _ where place.kind.isList:
                guard appendList(word, place.kind, of: batch, to: &line, &at, scratch: &scratch) else { return false }
            default:
                append(word, place.kind, to: &line, &at)
            }
        }
        guard line.count &- at >= 2 &* cellBytesMax else { return false }
        if layout.addsCommunityID, let id = layout.connection(row, of: batch) {
            line.put(octets: communityKey, &at)
            scratch.removeAll(keepingCapacity: true)
            CommunityID.write(id: id, to: &scratch)
            line.put(octets: scratch, &at)
            line.put(0x22, &at)
        }
        if at == start { at &+= 1 }
        line[start] = 0x7B  // the first comma becomes the brace
        line.put(0x7D, &at)
        line.put(0x0A, &at)
        return true
    }

    /// A cell, or an element of a list, that is one word.
    private func append(_ word: UInt64, _ kind: ColumnKind, to line: inout MutableSpan<UInt8>, _ at: inout Int) {
        switch kind {
        case .time, .interval, .intervalVector:
            line.put(seconds: Int64(bitPattern: word), trimmed: true, &at)
        case .integer:
            line.put(signed: Int64(bitPattern: word), &at)
        case .real:
            let value = Double(bitPattern: word)
            // JSON has no word for infinity.
            if value.isFinite { line.put(real: value, &at) } else { line.put(octets: nullOctets, &at) }
        case .boolean:
            line.put(octets: word != 0 ? trueOctets : falseOctets, &at)
        case .uid, .fuid, .uidSet, .fuidVector:
            line.put(0x22, &at)
            let isFile = kind == .fuid || kind == .fuidVector
            line.put(uid: word, prefix: isFile ? UID.filePrefix : UID.connectionPrefix, &at)
            line.put(0x22, &at)
        default:
            line.put(decimal: word, &at)
        }
    }

    private func appendList(
        _ cell: UInt64, _ kind: ColumnKind, of batch: borrowing RowBatch,
        to line: inout MutableSpan<UInt8>, _ at: inout Int, scratch: inout [UInt8]
    ) -> Bool {
        line.put(0x5B, &at)
        var place = Int(cell >> 32)
        for element in 0 ..< Int(cell & 0xFFFF_FFFF) {
            guard line.count &- at >= cellBytesMax else { return false }
            if element > 0 { line.put(0x2C, &at) }
            switch kind {
            case .textSet, .textVector:
                let range = batch.listText(&place)
                let (start, end) = (range.lowerBound, range.upperBound)
                guard appendText(start, end, of: batch, to: &line, &at, scratch: &scratch) else { return false }
            case .addressVector:
                let address = Address(high: batch.listWord(&place), low: batch.listWord(&place))
                line.put(0x22, &at)
                line.put(address, &at, scratch: &scratch)
                line.put(0x22, &at)
            default:
                append(batch.listWord(&place), kind, to: &line, &at)
            }
        }
        guard line.count &- at >= 2 else { return false }
        line.put(0x5D, &at)
        return true
    }

    /// A quoted text. Nearly all are printable ASCII without quotes and go over as they are.
    private func appendText(
        _ start: Int, _ end: Int, of batch: borrowing RowBatch,
        to line: inout MutableSpan<UInt8>, _ at: inout Int, scratch: inout [UInt8]
    ) -> Bool {
        let octets = batch.bytes.span
        // An octet becomes at most five: `\\xnn`.
        guard line.count &- at >= (end &- start) &* 5 &+ 2 else { return false }
        line.put(0x22, &at)
        var index = start
        while index < end {
            let octet = octets[index]
            if octet &- 0x20 >= 0x5F || octet == 0x22 || octet == 0x5C { break }
            line.put(octet, &at)
            index &+= 1
        }
        if index < end {
            scratch.removeAll(keepingCapacity: true)
            TextEscaping.appendEscaped(batch.bytes, index..<end, to: &scratch, isDistinct: true)
            for octet in scratch {
                if octet == 0x22 || octet == 0x5C { line.put(0x5C, &at) }
                line.put(octet, &at)
            }
        }
        line.put(0x22, &at)
        return true
    }
}
