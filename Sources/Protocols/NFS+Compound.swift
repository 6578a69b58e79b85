// SPDX-License-Identifier: Apache-2.0
//
// Compounds of NFS version 4: several operations in one call (RFC 7530, RFC 8881, RFC 7862).
//
// Reads   operations and their results up to the first whose length is not known, or that failed.
// Writes  the columns of a call: the operation that matters most, names, handles, offsets; content of files.
// Leaves  layouts, copies between servers, sessions but their numbers, entries of folders.

import Records
import Wire

extension NFS {
    /// Operations of one compound that are read.
    private static let operationsMax: UInt32 = 64
    private static let nameBytesMax = 1024

    //  tag | minor version (4) | number of operations (4) | operations
    func compound(
        of call: inout NFSCall, _ bytes: RawSpan, _ cursor: inout Cursor, from direction: Direction,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        _ = try cursor.opaque()
        try cursor.skip(4)
        let count = min(try cursor.read(UInt32.self), NFS.operationsMax)
        var rank = -1
        for _ in 0..<count {
            let operation = try cursor.read(UInt32.self)
            let weight = NFS.weight(operation)
            if weight > rank {
                rank = weight
                call.procedure = operation
                call.name(NFS.operation(operation))
            }
            if try passed(operation, &cursor) { continue }
            switch operation {
            case 6: try creation(of: &call, bytes, &cursor)
            case 15, 28: call.record.name = try name(&call, bytes, &cursor)
            case 18: try opening(of: &call, bytes, &cursor)
            case 11: call.record.newName = try name(&call, bytes, &cursor)
            case 22: set(bytes.extracting(try cursor.opaque()), of: &call)
            case 25, 68:
                try cursor.skip(16)
                call.record.offset = try cursor.read(UInt64.self)
                call.record.count = UInt64(try cursor.read(UInt32.self))
            case 29:
                call.record.name = try name(&call, bytes, &cursor)
                call.record.newName = try name(&call, bytes, &cursor)
            case 38:
                try cursor.skip(16)
                call.record.offset = try cursor.read(UInt64.self)
                try cursor.skip(4)
                transfer(bytes.extracting(try cursor.opaque()), of: &call, from: direction, &context)
            default: return
            }
        }
    }

    /// Steps over the arguments of operations that say nothing for the row; false for all others.
    private func passed(_ operation: UInt32, _ cursor: inout Cursor) throws(WireError) -> Bool {
        if let count = NFS.fixedArguments(operation) {
            try cursor.skip(count)
            return true
        }
        switch operation {
        case 9: try bitmap(&cursor)
        case 12: try lock(&cursor)
        case 13:
            try cursor.skip(4 + 8 + 8)
            try owner(&cursor)
        case 17, 37: try attributes(&cursor)
        case 26:
            try cursor.skip(8 + 8 + 4 + 4)
            try bitmap(&cursor)
        case 33: _ = try cursor.opaque()
        case 34:
            try cursor.skip(16)
            try attributes(&cursor)
        case 35:
            // Verifier and name of the client; where it wants to be called back.
            try cursor.skip(8)
            _ = try cursor.opaque()
            try cursor.skip(4)
            _ = try cursor.opaque()
            _ = try cursor.opaque()
            try cursor.skip(4)
        case 39: try owner(&cursor)
        case 55: try cursor.skip(16 &* Int(min(try cursor.read(UInt32.self), 4096)))
        default: return false
        }
        return true
    }

    /// Octets of arguments that are always as many.
    private static func fixedArguments(_ operation: UInt32) -> Int? {
        switch operation {
        case 10, 16, 23, 24, 27, 31, 32: 0
        case 3, 19, 52, 58: 4
        case 7, 30, 57: 8
        case 5: 12
        case 8, 36, 44, 45: 16
        case 4, 20: 20
        case 41: 24
        case 21, 69: 28
        case 53, 59, 62: 32
        case 14: 40
        default: nil
        }
    }

    private func name(_ call: inout NFSCall, _ bytes: RawSpan, _ cursor: inout Cursor) throws(WireError) -> Text {
        call.record.text.add(bytes.extracting(try cursor.opaque()), limit: NFS.nameBytesMax)
    }

    private func bitmap(_ cursor: inout Cursor) throws(WireError) {
        let words = Int(try cursor.read(UInt32.self))
        guard words <= 16 else { throw .malformed(at: cursor.offset) }
        try cursor.skip(words &* 4)
    }

    private func attributes(_ cursor: inout Cursor) throws(WireError) {
        try bitmap(&cursor)
        _ = try cursor.opaque()
    }

    /// The client's number and its name for who owns.
    private func owner(_ cursor: inout Cursor) throws(WireError) {
        try cursor.skip(8)
        _ = try cursor.opaque()
    }

    //  type (4) | what it points to, or its device | name | attributes
    private func creation(of call: inout NFSCall, _ bytes: RawSpan, _ cursor: inout Cursor) throws(WireError) {
        switch try cursor.read(UInt32.self) {
        case 3, 4: try cursor.skip(8)
        case 5: call.record.newName = try name(&call, bytes, &cursor)
        default: break
        }
        call.record.name = try name(&call, bytes, &cursor)
        try attributes(&cursor)
    }

    //  sequence (4) | access (4) | deny (4) | owner | whether to create, and how | what is claimed
    private func opening(of call: inout NFSCall, _ bytes: RawSpan, _ cursor: inout Cursor) throws(WireError) {
        try cursor.skip(12)
        try owner(&cursor)
        if try cursor.read(UInt32.self) == 1 {
            switch try cursor.read(UInt32.self) {
            case 0, 1: try attributes(&cursor)
            case 2: try cursor.skip(8)
            default:
                try cursor.skip(8)
                try attributes(&cursor)
            }
        }
        switch try cursor.read(UInt32.self) {
        case 0, 3: call.record.name = try name(&call, bytes, &cursor)
        case 1: try cursor.skip(4)
        case 2:
            try cursor.skip(16)
            call.record.name = try name(&call, bytes, &cursor)
        case 5: try cursor.skip(16)
        default: break
        }
    }

    //  type (4) | reclaim (4) | offset (8) | length (8) | a new owner of the lock, or the lock's number
    private func lock(_ cursor: inout Cursor) throws(WireError) {
        try cursor.skip(4 + 4 + 8 + 8)
        guard try cursor.read(UInt32.self) != 0 else { return try cursor.skip(20) }
        try cursor.skip(4 + 16 + 4)
        try owner(&cursor)
    }

    /// How much an operation says of what a call is for.
    private static func weight(_ operation: UInt32) -> Int {
        switch operation {
        case 25, 38, 18, 6, 28, 29, 11, 68: 3
        case 15, 26, 27, 34, 4, 5: 2
        case 22, 24, 53, 10, 31, 32: 0
        default: 1
        }
    }

    // MARK: results

    //  tag | number of results (4) | operation (4), status (4), its result
    func compoundResults(
        of call: inout NFSCall, _ bytes: RawSpan, _ cursor: inout Cursor, from direction: Direction,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        _ = try cursor.opaque()
        let count = min(try cursor.read(UInt32.self), NFS.operationsMax)
        for _ in 0..<count {
            let operation = try cursor.read(UInt32.self)
            guard try cursor.read(UInt32.self) == 0 else { return }
            if operation == 4 { closed(call, &context) }
            if let count = NFS.fixedResults(operation) {
                try cursor.skip(count)
                continue
            }
            switch operation {
            case 6:
                try cursor.skip(20)
                try bitmap(&cursor)
            case 9: call.record.size = try size(bytes, &cursor) ?? call.record.size
            case 10: remember(bytes.extracting(try cursor.opaque()), of: call)
            case 18: try opened(&cursor)
            case 25:
                try cursor.skip(4)
                transfer(bytes.extracting(try cursor.opaque()), of: &call, from: direction, &context)
            case 27: call.record.newName = try name(&call, bytes, &cursor)
            case 34: try bitmap(&cursor)
            case 38:
                call.record.count = UInt64(try cursor.read(UInt32.self))
                try cursor.skip(12)
            default: return
            }
        }
    }

    /// Octets of results that are always as many.
    private static func fixedResults(_ operation: UInt32) -> Int? {
        switch operation {
        case 7, 8, 13, 15, 16, 17, 19, 22, 23, 24, 30, 31, 32, 36, 37, 39, 44, 45, 57, 58, 59, 62: 0
        case 3, 5: 8
        case 4, 12, 14, 20, 21, 35: 16
        case 11, 28: 20
        case 41: 24
        case 53: 36
        case 29: 40
        default: nil
        }
    }

    /// The size among attributes, which stand in the order of their numbers; nil where it was not asked for.
    private func size(_ bytes: RawSpan, _ cursor: inout Cursor) throws(WireError) -> UInt64? {
        let words = Int(try cursor.read(UInt32.self))
        guard words <= 16 else { throw .malformed(at: cursor.offset) }
        let bits = words > 0 ? try cursor.read(UInt32.self) : 0
        try cursor.skip(max(0, words &- 1) &* 4)
        let values = try cursor.opaque()
        // 0 a list of attributes, 1 type, 2 how long handles live, 3 change, 4 size.
        guard bits & 0x10 != 0, bits & 1 == 0 else { return nil }
        let offset = (bits & 2 != 0 ? 4 : 0) &+ (bits & 4 != 0 ? 4 : 0) &+ (bits & 8 != 0 ? 8 : 0)
        guard values.count >= offset &+ 8 else { return nil }
        return bytes.load(values.lowerBound &+ offset, as: UInt64.self)
    }

    //  number (16) | change (20) | flags (4) | attributes set | delegation
    private func opened(_ cursor: inout Cursor) throws(WireError) {
        try cursor.skip(16 + 20 + 4)
        try bitmap(&cursor)
        switch try cursor.read(UInt32.self) {
        case 1: try cursor.skip(16 + 4)
        case 2:
            try cursor.skip(16 + 4 + 4 + 8)
        case 3:
            let reason = try cursor.read(UInt32.self)
            return try cursor.skip(reason == 1 || reason == 2 ? 4 : 0)
        default: return
        }
        // Who else may do so.
        try cursor.skip(4 + 4 + 4)
        _ = try cursor.opaque()
    }
}
