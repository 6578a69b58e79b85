// SPDX-License-Identifier: Apache-2.0
//
// Tests of a transaction that are no walk over octets: numbers, events, digests.
//
// Reads   the entries of a transaction.
// Writes  nothing.
// Leaves  buffers (SignatureEngine+Transactions.swift).

import Records
import Wire

extension SignatureEngine {
    func holds(_ element: TransactionTest.Element, _ from: Direction, _ transaction: SignatureTransaction) -> Bool {
        switch element {
        case .number(let buffer, let number, let place): return holds(number, place, buffer, from, transaction)
        case .event(let application, let name):
            return hasEvent(name, application.hasOneSidedTransactions ? from : nil, transaction)
        case .oneOf(let buffer, let tests, let isNegated):
            return hasOne(of: tests, buffer, from, transaction, isNegated: isNegated)
        case .dcerpcInterface, .modbus, .cipService: return holdsOctets(element, from, transaction)
        case .fileHash(let list, let isNegated): return holds(list, isNegated: isNegated, from, transaction)
        // There must be a file that could be stored.
        case .filestore: return hasShown(.fileSize, from, transaction)
        case .reached(let stage): return hasReached(stage, from, transaction)
        default: return hasNumber(element, from, transaction)
        }
    }

    private func hasReached(
        _ stage: TransactionStage, _ from: Direction, _ transaction: SignatureTransaction
    ) -> Bool {
        guard !transaction.silent.contains(FlowSides(from)) else { return false }
        guard case .shown(let buffer) = stage else { return stage == .begun || transaction.isDone(from) }
        return transaction.isDone(from) || hasShown(buffer, from, transaction)
    }

    private func hasShown(
        _ buffer: SignatureBuffer, _ from: Direction, _ transaction: SignatureTransaction
    ) -> Bool {
        var next = transaction.first(of: buffer)
        while next > 0 {
            let entry = transaction.entries[Int(next) &- 1]
            if entry.direction == from { return true }
            next = entry.next
        }
        return false
    }

    /// A test of one number, whichever was exposed.
    private func hasNumber(
        _ element: TransactionTest.Element, _ from: Direction, _ transaction: SignatureTransaction
    ) -> Bool {
        guard let buffer = element.buffer else { return false }
        for entry in transaction.entries
        where entry.kind == .number && entry.buffer == buffer && entry.direction == from {
            if holds(element, entry.number) { return true }
        }
        return false
    }

    private func holds(_ element: TransactionTest.Element, _ value: UInt64) -> Bool {
        switch element {
        case .dnp3Object(let group, let variation): return value == UInt64(group) << 8 | UInt64(variation)
        case .ikeAttribute(let type, let wanted): return value == UInt64(type) << 32 | UInt64(wanted)
        case .http2Settings(let identifier, let number):
            return value >> 32 == UInt64(identifier) && number.matches(value & 0xFFFF_FFFF)
        case .tlsState(let states, let negated): return (value & UInt64(states)) ^ UInt64(negated) != 0
        case .tlsNotBefore(let number), .tlsNotAfter(let number): return number.matches(value)
        default: return false
        }
    }

    /// A number that was exposed is among these; where negated, one was exposed and is not.
    private func hasOne(
        of tests: PoolRange, _ buffer: SignatureBuffer, _ from: Direction, _ transaction: SignatureTransaction,
        isNegated: Bool
    ) -> Bool {
        for entry in transaction.entries
        where entry.kind == .number && entry.buffer == buffer && entry.direction == from {
            if set.numberTests[tests.indices].contains(where: { $0.matches(entry.number) }) != isNegated { return true }
        }
        return false
    }

    private func holds(
        _ number: NumberTest, _ place: ListIndex, _ buffer: SignatureBuffer, _ from: Direction,
        _ transaction: SignatureTransaction
    ) -> Bool {
        var count = 0
        var matched = 0
        var last: Int32 = 0
        for entry in transaction.entries
        where entry.kind == .number && entry.buffer == buffer && entry.direction == from {
            let holds = number.matches(entry.number)
            if case .at(let wanted) = place, wanted >= 0, Int32(count) == wanted { return holds }
            if holds { matched += 1 }
            if case .any = place, holds { return true }
            count += 1
            last = holds ? 1 : 0
        }
        return switch place {
        case .any: false
        case .all: count > 0 && matched == count
        // From the end: only the last is asked for in practice.
        case .at(let wanted): wanted == -1 && last == 1
        case .count: number.matches(UInt64(count))
        }
    }

    /// Whether the transaction has the event; of a side, where it is given.
    private func hasEvent(_ name: TextRange, _ side: Direction?, _ transaction: SignatureTransaction) -> Bool {
        for entry in transaction.entries where entry.kind == .event && (side ?? entry.direction) == entry.direction {
            let full = eventNames[Int(entry.number)]
            if isEvent(full, name) { return true }
        }
        return false
    }

    /// Whether `proto.name` ends with the name behind its dot.
    private func isEvent(_ full: StaticString, _ name: TextRange) -> Bool {
        let count = full.utf8CodeUnitCount
        let text = full.description.utf8
        guard count > Int(name.count) else { return false }
        var place = text.index(text.startIndex, offsetBy: count - Int(name.count))
        guard text[text.index(before: place)] == 0x2E else { return false }
        for octet in set.text[name.indices] {
            guard text[place] == octet else { return false }
            place = text.index(after: place)
        }
        return true
    }

    private func holdsOctets(
        _ element: TransactionTest.Element, _ from: Direction, _ transaction: SignatureTransaction
    ) -> Bool {
        guard let buffer = element.buffer else { return false }
        let text = transaction.text
        for entry in transaction.entries
        where entry.kind == .octets && entry.buffer == buffer && entry.direction == from {
            let octets = text.octets.extracting(Int(entry.offset) ..< Int(entry.offset) &+ Int(entry.count))
            switch element {
            case .dcerpcInterface(let high, let low, let version, let anyFragment):
                guard octets.byteCount >= 18, octets.load64(0) == high, octets.load64(8) == low else { continue }
                if let version, !version.matches(UInt64(octets.load16(16))) { continue }
                if !anyFragment, octets.byteCount > 18, octets.octet(18) != 0 { continue }
                return true
            case .cipService(let service, let classID, let attribute):
                // Service, class and attribute, all ones where the request names none.
                guard octets.byteCount >= 9, octets.octet(0) == service,
                    (classID ?? octets.load32(1)) == octets.load32(1),
                    (attribute ?? octets.load32(5)) == octets.load32(5)
                else { continue }
                return true
            case .modbus(let test): if ModbusMatch.holds(test, octets) { return true }
            default: return false
            }
        }
        return false
    }

    private func holds(
        _ list: UInt16, isNegated: Bool, _ from: Direction, _ transaction: SignatureTransaction
    ) -> Bool {
        let hashes = set.hashLists[Int(list)]
        let buffer = hashes.algorithm.buffer
        let text = transaction.text
        for entry in transaction.entries
        where entry.kind == .octets && entry.buffer == buffer && entry.direction == from {
            let octets = text.octets.extracting(Int(entry.offset) ..< Int(entry.offset) &+ Int(entry.count))
            // The file layer shows hexadecimal digits.
            let digest = SignatureEngine.digest(octets)
            if hashes.contains(digest.octets) != isNegated { return true }
        }
        return false
    }
}

extension SignatureEngine {
    /// The octets that hexadecimal digits stand for.
    private static func digest(_ digits: RawSpan) -> [UInt8] {
        var octets: [UInt8] = []
        var place = 0
        while place &+ 1 < digits.byteCount {
            octets.append(value(digits.octet(place)) << 4 | value(digits.octet(place &+ 1)))
            place &+= 2
        }
        return octets
    }

    private static func value(_ digit: UInt8) -> UInt8 {
        switch digit {
        case 0x30...0x39: digit &- 0x30
        case 0x41...0x46: digit &- 0x37
        case 0x61...0x66: digit &- 0x57
        default: 0
        }
    }
}

/// `modbus:`, on a request's unit, function and data (MODBUS Application Protocol 1.1b3).
enum ModbusMatch {
    static func holds(_ test: ModbusTest, _ octets: RawSpan) -> Bool {
        guard octets.byteCount >= 2 else { return false }
        if let unit = test.unit, !unit.matches(UInt64(octets.octet(0))) { return false }
        let function = octets.octet(1)
        if let wanted = test.function, wanted != function { return false }
        if let wanted = test.subfunction {
            guard octets.byteCount >= 4, octets.load16(2) == wanted else { return false }
        }
        if test.category != 0, (test.category & category(function) != 0) == test.categoryIsNegated { return false }
        guard test.access != .none else { return true }
        return holdsAccess(test, function, octets)
    }

    /// 1 assigned by the standard, 2 not assigned, 4 for users, 8 reserved.
    private static func category(_ function: UInt8) -> UInt8 {
        switch function {
        case 1...8, 11, 12, 15...17, 20...24, 43: 1
        case 65...72, 100...110: 4
        case 9, 10, 13, 14, 41, 42, 90, 91, 125...127: 8
        default: 2
        }
    }

    private static func holdsAccess(_ test: ModbusTest, _ function: UInt8, _ octets: RawSpan) -> Bool {
        let isWrite = [5, 6, 15, 16, 22, 23].contains(function)
        let isRead = [1, 2, 3, 4, 23].contains(function)
        guard test.access == .read ? isRead : isWrite else { return false }
        let table: ModbusTest.Table =
            switch function {
            case 1, 5, 15: .coils
            case 2: .discretes
            case 3, 6, 16, 22, 23: .holding
            case 4: .input
            default: .any
            }
        guard test.table == .any || test.table == table else { return false }
        guard let wanted = test.address else { return true }
        // A read and write at once names the write's place behind the read's.
        let start = function == 23 && test.access == .write ? 6 : 2
        guard octets.byteCount >= start &+ 2 else { return false }
        // The rule language counts registers from 1.
        let first = UInt64(octets.load16(start)) &+ 1
        let isSingle = [5, 6, 22].contains(function)
        guard isSingle || octets.byteCount >= start &+ 4 else { return false }
        let count = isSingle ? 1 : UInt64(octets.load16(start &+ 2))
        for place in 0..<max(count, 1) where wanted.matches(first &+ place) {
            return test.value.map { holdsValue($0, place, function, start, octets) } ?? true
        }
        return false
    }

    private static func holdsValue(
        _ test: NumberTest, _ place: UInt64, _ function: UInt8, _ start: Int, _ octets: RawSpan
    ) -> Bool {
        switch function {
        case 5: return octets.byteCount >= 6 && test.matches(octets.load16(4) == 0xFF00 ? 1 : 0)
        case 6: return octets.byteCount >= 6 && test.matches(UInt64(octets.load16(4)))
        case 15:
            let at = 7 &+ Int(place / 8)
            return at < octets.byteCount && test.matches(UInt64(octets.octet(at) >> UInt8(place % 8) & 1))
        case 16, 23:
            let at = start &+ 5 &+ Int(place) &* 2
            return at &+ 2 <= octets.byteCount && test.matches(UInt64(octets.load16(at)))
        default: return false
        }
    }
}

extension AppProtocol {
    /// Each message is a transaction by itself, which only the rules of its direction look at.
    fileprivate var hasOneSidedTransactions: Bool {
        switch self {
        case .bittorrentDHT, .dhcp, .dns, .ike, .llmnr, .mdns, .mqtt, .ntp, .quic, .rdp, .sip, .snmp,
            .websocket: true
        default: false
        }
    }
}
