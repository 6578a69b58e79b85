// SPDX-License-Identifier: Apache-2.0
//
// Reads Thrift's compact protocol; unknown fields are skipped, and lies end it.
//
// Leaves  what the fields mean (`ParquetMetadata+Reading`).

/// Why metadata could not be read. The caller knows which file.
struct ThriftError: Error {}

struct ThriftReader {
    private var source: ByteSource

    /// Structures inside each other; deeper ones are refused.
    private static let depthMax = 32

    init(_ bytes: consuming [UInt8]) { source = ByteSource(bytes) }

    var position: Int { source.position }

    private func need<Value>(_ value: Value?) throws(ThriftError) -> Value {
        guard let value else { throw ThriftError() }
        return value
    }

    /// Goes through the fields of a structure. `read` reads the field's value and answers true, or answers false to
    /// have it skipped.
    mutating func structure(
        _ read: (inout ThriftReader, Int16, ThriftType) throws(ThriftError) -> Bool
    ) throws(ThriftError) {
        var last: Int16 = 0
        while true {
            let header = try need(source.octet())
            if header == 0 { return }
            let type = try need(ThriftType(rawValue: header & 15))
            if header >> 4 == 0 {
                last = try need(Int16(exactly: need(source.zigzag())))
            } else {
                last = last &+ Int16(header >> 4)
            }
            if try !read(&self, last, type) { try skip(type, depth: 0) }
        }
    }

    /// Reads a list's header, then calls `read` for each element.
    mutating func list(
        _ read: (inout ThriftReader, ThriftType) throws(ThriftError) -> Void
    ) throws(ThriftError) {
        let (type, count) = try listHeader()
        for _ in 0..<count { try read(&self, type) }
    }

    private mutating func listHeader() throws(ThriftError) -> (ThriftType, Int) {
        let header = try need(source.octet())
        let type = try need(ThriftType(rawValue: header & 15))
        // An element has at least one octet: a list cannot be longer than what is left.
        let count = header >> 4 == 15 ? try need(source.count(limit: source.left)) : Int(header >> 4)
        return (type, count)
    }

    /// An i16, i32 or i64 that is a size or an offset: 0 or more.
    mutating func size() throws(ThriftError) -> Int {
        let value = try need(source.zigzag())
        guard value >= 0 else { throw ThriftError() }
        return Int(value)
    }

    /// An i16, i32 or i64 of any sign.
    mutating func number() throws(ThriftError) -> Int64 { try need(source.zigzag()) }

    mutating func binary() throws(ThriftError) -> [UInt8] {
        let count = try need(source.count(limit: source.left))
        return Array(try need(source.slice(count)))
    }

    mutating func string() throws(ThriftError) -> String { String(decoding: try binary(), as: UTF8.self) }

    /// A boolean element of a list (in fields the type itself is the value).
    mutating func bool() throws(ThriftError) -> Bool { try need(source.octet()) == 1 }

    private mutating func skip(_ type: ThriftType, depth: Int) throws(ThriftError) {
        guard depth < ThriftReader.depthMax else { throw ThriftError() }
        switch type {
        case .stop: throw ThriftError()
        case .yes, .no: break
        case .byte: _ = try need(source.octet())
        case .i16, .i32, .i64: _ = try need(source.varint())
        case .double: _ = try need(source.slice(8))
        case .binary: _ = try binary()
        case .list, .set:
            let (element, count) = try listHeader()
            for _ in 0..<count {
                // Booleans have an octet in lists only.
                try skip(element == .yes || element == .no ? .byte : element, depth: depth &+ 1)
            }
        case .map:
            let count = try need(source.count(limit: source.left))
            guard count > 0 else { return }
            let types = try need(source.octet())
            let (key, value) = (try need(ThriftType(rawValue: types >> 4)), try need(ThriftType(rawValue: types & 15)))
            for _ in 0..<count {
                try skip(key, depth: depth &+ 1)
                try skip(value, depth: depth &+ 1)
            }
        case .structure:
            while true {
                let header = try need(source.octet())
                if header == 0 { return }
                if header >> 4 == 0 { _ = try need(source.varint()) }
                try skip(try need(ThriftType(rawValue: header & 15)), depth: depth &+ 1)
            }
        }
    }
}
