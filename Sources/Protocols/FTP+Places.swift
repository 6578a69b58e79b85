// SPDX-License-Identifier: Apache-2.0
//
// Places in FTP: where a data connection will be, and where a file is.
//
// Reads   arguments of commands and texts of replies.
// Writes  addresses and ports; paths as URLs.
// Leaves  which command they belong to (FTP.swift).

import Records
import Wire

extension FTP {
    /// Names of a path that are looked at; deeper ones stay as they are.
    private static let depthMax = 256

    // MARK: data connections

    /// `h1,h2,h3,h4,p1,p2` (RFC 959 section 4.1.2).
    static func port(_ argument: RawSpan) -> (address: Address, port: UInt16)? {
        var at = 0
        return six(argument, &at)
    }

    /// The same somewhere in the text of a 227.
    static func passive(_ message: RawSpan) -> (address: Address, port: UInt16)? {
        for start in 0..<message.byteCount where HTTPOctets.isDigit(message.octet(start)) {
            if start > 0, HTTPOctets.isDigit(message.octet(start &- 1)) { continue }
            var at = start
            if let place = six(message, &at) { return place }
        }
        return nil
    }

    private static func six(_ bytes: RawSpan, _ at: inout Int) -> (address: Address, port: UInt16)? {
        var values: [6 of UInt32] = [0, 0, 0, 0, 0, 0]
        for index in 0..<6 {
            if index > 0 {
                guard at < bytes.byteCount, bytes.octet(at) == 0x2C else { return nil }
                at &+= 1
            }
            guard let value = number(bytes, &at), value <= 255 else { return nil }
            values[index] = UInt32(value)
        }
        let address = values[0] << 24 | values[1] << 16 | values[2] << 8 | values[3]
        return (Address(v4: address), UInt16(values[4] << 8 | values[5]))
    }

    /// `|1|132.235.1.2|6275|` (RFC 2428 section 2); any octet may part the fields.
    static func extendedPort(_ argument: RawSpan) -> (address: Address, port: UInt16)? {
        guard let fields = extended(argument, from: 0), let address = fields.address else { return nil }
        return (address, fields.port)
    }

    /// The same in parentheses in the text of a 229, often without an address.
    static func extendedPassive(_ message: RawSpan) -> (address: Address?, port: UInt16)? {
        guard let open = message.firstIndex(of: 0x28) else { return nil }
        return extended(message, from: open &+ 1)
    }

    private static func extended(_ bytes: RawSpan, from start: Int) -> (address: Address?, port: UInt16)? {
        guard start < bytes.byteCount else { return nil }
        let mark = bytes.octet(start)
        guard let first = bytes.firstIndex(of: mark, from: start &+ 1),
            let second = bytes.firstIndex(of: mark, from: first &+ 1),
            let third = bytes.firstIndex(of: mark, from: second &+ 1)
        else { return nil }
        var at = second &+ 1
        guard let port = number(bytes, &at), at == third, port <= 65_535 else { return nil }
        guard second &- first > 1 else { return (nil, UInt16(port)) }
        // An address has at most 45 characters.
        guard second &- first <= 46 else { return nil }
        var text: [UInt8] = []
        bytes.extracting(first &+ 1..<second).append(to: &text)
        guard let address = Address(String(decoding: text, as: UTF8.self)) else { return nil }
        return (address, UInt16(port))
    }

    /// Digits from `at` on; nil where there is none or where there are too many.
    private static func number(_ bytes: RawSpan, _ at: inout Int) -> UInt64? {
        let start = at
        var value: UInt64 = 0
        while at < bytes.byteCount, HTTPOctets.isDigit(bytes.octet(at)) {
            guard at &- start < 19 else { return nil }
            value = value &* 10 &+ UInt64(bytes.octet(at) &- 0x30)
            at &+= 1
        }
        return at > start ? value : nil
    }

    /// The last number in a text; 0 where there is none.
    static func lastNumber(_ message: RawSpan) -> UInt64 {
        var last: UInt64 = 0
        var at = 0
        while at < message.byteCount {
            if let value = number(message, &at) { last = value } else { at &+= 1 }
        }
        return last
    }

    // MARK: paths

    func changeDirectory(to argument: RawSpan) {
        scratch.removeAll(keepingCapacity: true)
        FTP.join(directory, argument, to: &scratch)
        swap(&directory, &scratch)
        if directory.count > FTP.argumentBytesMax { directory.removeLast(directory.count &- FTP.argumentBytesMax) }
    }

    /// `ftp://HOST/PATH`, the path folded.
    func url(of argument: RawSpan, _ host: Address, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "ftp://".utf8)
        if !host.isV4 { bytes.append(0x5B) }
        host.write(to: &bytes)
        if !host.isV4 { bytes.append(0x5D) }
        scratch.removeAll(keepingCapacity: true)
        FTP.join(directory, argument, to: &scratch)
        if scratch.first != 0x2F { bytes.append(0x2F) }
        bytes.append(contentsOf: scratch)
    }

    /// `argument` seen from `directory`, folded.
    private static func join(_ directory: [UInt8], _ argument: RawSpan, to path: inout [UInt8]) {
        var whole: [UInt8] = []
        if !isAbsolute(argument, 0), !directory.isEmpty {
            whole.append(contentsOf: directory)
            if directory.last != 0x2F { whole.append(0x2F) }
        }
        argument.extracting(0..<min(argument.byteCount, 2 &* FTP.argumentBytesMax)).append(to: &whole)
        fold(whole, to: &path)
    }

    /// `/` or a drive such as `C:\`.
    private static func isAbsolute(_ path: RawSpan, _ at: Int) -> Bool {
        guard at < path.byteCount else { return false }
        if path.octet(at) == 0x2F { return true }
        guard path.byteCount &- at >= 3, (0x41...0x5A).contains(path.octet(at) & 0xDF) else { return false }
        return path.octet(at &+ 1) == 0x3A && (path.octet(at &+ 2) == 0x5C || path.octet(at &+ 2) == 0x2F)
    }

    /// Without `//`, without `/./`, and without `x/..`.
    private static func fold(_ whole: [UInt8], to path: inout [UInt8]) {
        var names: [Range<Int>] = []
        var from = 0
        var isFirst = true
        while from <= whole.count {
            var to = from
            while to < whole.count, whole[to] != 0x2F { to += 1 }
            let name = whole[from..<to]
            if name.elementsEqual([0x2E, 0x2E]), let last = names.last, !whole[last].elementsEqual([0x2E, 0x2E]),
                !last.isEmpty, !whole[last].elementsEqual([0x2E])
            {
                names.removeLast()
            } else if isFirst || !(name.isEmpty || name.elementsEqual([0x2E])), names.count < depthMax {
                // The first name is empty where the path is absolute.
                names.append(from..<to)
            }
            isFirst = false
            from = to + 1
        }
        for (index, name) in names.enumerated() {
            if index > 0 { path.append(0x2F) }
            path.append(contentsOf: whole[name])
        }
        if names.count == 1, names[0].isEmpty, !whole.isEmpty { path.append(0x2F) }
    }

    /// The first absolute path in the text of a 257, in quotes or up to a blank; empty where there is none.
    static func absolutePath(_ message: RawSpan) -> [UInt8] {
        var path: [UInt8] = []
        for start in 0..<message.byteCount where message.octet(start) == 0x22 && isAbsolute(message, start &+ 1) {
            guard let end = message.firstIndex(of: 0x22, from: start &+ 1) else { break }
            message.extracting(start &+ 1..<end).append(to: &path)
            return path
        }
        for start in 0..<message.byteCount where isAbsolute(message, start) {
            var end = start
            while end < message.byteCount, message.octet(end) != 0x22, message.octet(end) != 0x20 { end &+= 1 }
            message.extracting(start..<end).append(to: &path)
            return path
        }
        return path
    }
}

extension RawSpan {
    /// Whether `other` stands somewhere in the octets; nothing stands everywhere. The work grows with the length of
    /// both, never with their product (the method of Knuth, Morris and Pratt).
    func contains(_ other: RawSpan) -> Bool {
        guard other.byteCount > 0 else { return true }
        guard other.byteCount <= byteCount, let first = firstIndex(of: other.octet(0)) else { return false }
        // For each prefix of `other`, how many of its last octets begin it again.
        var borders = [0]
        borders.reserveCapacity(other.byteCount)
        var border = 0
        for index in 1..<other.byteCount {
            while border > 0, other.octet(border) != other.octet(index) { border = borders[border &- 1] }
            if other.octet(border) == other.octet(index) { border &+= 1 }
            borders.append(border)
        }
        var matched = 0
        for index in first..<byteCount {
            while matched > 0, other.octet(matched) != octet(index) { matched = borders[matched &- 1] }
            if other.octet(matched) == octet(index) { matched &+= 1 }
            if matched == other.byteCount { return true }
        }
        return false
    }
}
