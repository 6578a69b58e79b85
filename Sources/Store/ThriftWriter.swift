// SPDX-License-Identifier: Apache-2.0
//
// Thrift's compact protocol, as far as Parquet's metadata needs it
// (thrift-compact-protocol.md of the Apache Thrift project).
//
// Leaves  reading (`ThriftReader`), doubles, maps, sets.

/// Types on the wire.
enum ThriftType: UInt8 {
    case stop = 0
    case yes = 1
    case no = 2
    case byte = 3
    case i16 = 4
    case i32 = 5
    case i64 = 6
    case double = 7
    case binary = 8
    case list = 9
    case set = 10
    case map = 11
    case structure = 12
}

/// Writes structures field by field; fields of one structure in ascending order.
struct ThriftWriter {
    private(set) var bytes: [UInt8] = []
    /// The last field of each structure that is open.
    private var lastFields: [Int16] = [0]

    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        lastFields = [0]
    }

    private mutating func header(_ field: Int16, _ type: ThriftType) {
        let last = lastFields[lastFields.count - 1]
        let delta = field - last
        if delta > 0 && delta <= 15 {
            bytes.append(UInt8(delta) << 4 | type.rawValue)
        } else {
            bytes.append(type.rawValue)
            bytes.append(zigzag: Int64(field))
        }
        lastFields[lastFields.count - 1] = field
    }

    mutating func field(_ field: Int16, i32 value: Int) {
        header(field, .i32)
        bytes.append(zigzag: Int64(value))
    }

    mutating func field(_ field: Int16, i64 value: Int) {
        header(field, .i64)
        bytes.append(zigzag: Int64(value))
    }

    mutating func field(_ field: Int16, i16 value: Int) {
        header(field, .i16)
        bytes.append(zigzag: Int64(value))
    }

    mutating func field(_ field: Int16, byte value: UInt8) {
        header(field, .byte)
        bytes.append(value)
    }

    mutating func field(_ field: Int16, bool value: Bool) { header(field, value ? .yes : .no) }

    mutating func field(_ field: Int16, binary value: [UInt8]) {
        header(field, .binary)
        element(binary: value)
    }

    mutating func field(_ field: Int16, string value: String) { self.field(field, binary: Array(value.utf8)) }

    /// A structure as a field; close it with `end()`.
    mutating func begin(_ field: Int16) {
        header(field, .structure)
        lastFields.append(0)
    }

    /// A structure as an element of a list; close it with `end()`.
    mutating func beginElement() { lastFields.append(0) }

    mutating func end() {
        bytes.append(ThriftType.stop.rawValue)
        lastFields.removeLast()
    }

    /// Ends the outermost structure.
    mutating func finish() { bytes.append(ThriftType.stop.rawValue) }

    /// An empty structure, as the cases of Parquet's unions are.
    mutating func empty(_ field: Int16) {
        begin(field)
        end()
    }

    /// The header of a list; its elements follow.
    mutating func list(_ field: Int16, of type: ThriftType, count: Int) {
        header(field, .list)
        if count < 15 {
            bytes.append(UInt8(count) << 4 | type.rawValue)
        } else {
            bytes.append(0xF0 | type.rawValue)
            bytes.append(varint: UInt64(count))
        }
    }

    mutating func element(binary value: [UInt8]) {
        bytes.append(varint: UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func element(i32 value: Int) { bytes.append(zigzag: Int64(value)) }
    mutating func element(i64 value: Int) { bytes.append(zigzag: Int64(value)) }
    mutating func element(bool value: Bool) { bytes.append(value ? 1 : 2) }
}
