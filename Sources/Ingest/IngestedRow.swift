// SPDX-License-Identifier: Apache-2.0
//
// A row of any log, filled by column, whatever it comes from.
//
// Reads   texts in the form that each kind of column has in logs.
// Writes  cells of a row batch.
// Leaves  which field goes into which column (`ZeekReader`, `EVEReader`).

import Records

/// One row on its way into a batch: a cell for each column of a schema.
struct IngestedRow: LogRecord {
    enum Cell {
        case unset
        case word(UInt64)
        case address(Address)
        case text(Text)
        case texts([Text])
        case words([UInt64])
        case addresses([Address])
    }

    var kinds: [ColumnKind] = []
    var cells: [Cell] = []
    var text = TextBuffer()
    /// The transport, which identities of flows are made of.
    var connection: ConnectionID?

    /// Not looked at: the batch has its schema.
    static let log = LogID.conn
    static let summary: StaticString = "A row of another sensor."

    init() {}

    init(_ schema: LogSchema) {
        kinds = schema.columns.map(\.kind)
        cells = Array(repeating: .unset, count: kinds.count)
    }

    mutating func clear() {
        for index in cells.indices { cells[index] = .unset }
        text.clear()
        connection = nil
    }

    var isEmpty: Bool { cells.allSatisfy { if case .unset = $0 { true } else { false } } }

    func write(to row: inout RowBatch) {
        row.identify(connection)
        for (kind, cell) in zip(kinds, cells) { IngestedRow.put(cell, kind, text, &row) }
    }

    private static func put(_ cell: Cell, _ kind: ColumnKind, _ text: borrowing TextBuffer, _ row: inout RowBatch) {
        switch kind {
        case .time: row.time("", word(cell).map { Timestamp(nanoseconds: Int64(bitPattern: $0)) }, "")
        case .interval: row.interval("", word(cell).map { Int64(bitPattern: $0) }, "")
        case .count: row.count("", word(cell), "")
        case .integer: row.integer("", word(cell).map { Int64(bitPattern: $0) }, "")
        case .real: row.real("", word(cell).map { Double(bitPattern: $0) }, "")
        case .boolean: row.boolean("", word(cell).map { $0 != 0 }, "")
        case .port: row.port("", word(cell).map { UInt16(truncatingIfNeeded: $0) }, "")
        case .address: row.address("", address(cell), "")
        case .uid: row.uid("", word(cell).map { UID(value: $0) }, "")
        case .fuid: row.fuid("", word(cell).map { UID(value: $0) }, "")
        case .text, .enumeration: row.text("", place(cell), in: text, "")
        case .textSet, .textVector: row.textVector("", texts(cell), in: text, "")
        case .uidSet: row.uidSet("", words(cell), "")
        case .fuidVector: row.fuidVector("", words(cell), "")
        case .intervalVector: row.intervalVector("", words(cell), "")
        case .countVector: row.countVector("", words(cell), "")
        case .addressVector: row.addressVector("", addresses(cell), "")
        }
    }

    private static func word(_ cell: Cell) -> UInt64? { if case .word(let word) = cell { word } else { nil } }
    private static func address(_ cell: Cell) -> Address? {
        if case .address(let address) = cell { address } else { nil }
    }
    private static func place(_ cell: Cell) -> Text { if case .text(let text) = cell { text } else { .absent } }
    private static func texts(_ cell: Cell) -> [Text]? { if case .texts(let texts) = cell { texts } else { nil } }
    private static func words(_ cell: Cell) -> [UInt64]? { if case .words(let words) = cell { words } else { nil } }
    private static func addresses(_ cell: Cell) -> [Address]? {
        if case .addresses(let addresses) = cell { addresses } else { nil }
    }
}

extension IngestedRow {
    /// Takes one value for a column that is no list. False where the octets are none of the column's kind.
    mutating func set(_ column: Int, _ octets: ArraySlice<UInt8>) -> Bool {
        guard let cell = cell(kinds[column], octets) else { return false }
        cells[column] = cell
        return true
    }

    /// Takes the elements of a list. False where one is none of the list's kind.
    mutating func set(_ column: Int, elements: [ArraySlice<UInt8>]) -> Bool {
        switch kinds[column] {
        case .textSet, .textVector: cells[column] = .texts(elements.map { add($0) })
        case .addressVector:
            let addresses = elements.map { Address(octets: $0) }
            guard !addresses.contains(nil) else { return false }
            cells[column] = .addresses(addresses.compactMap { $0 })
        case .uidSet, .fuidVector: cells[column] = .words(elements.map { ForeignIdentity.value($0).value })
        case .intervalVector:
            let words = elements.map { NumberText.nanoseconds($0) }
            guard !words.contains(nil) else { return false }
            cells[column] = .words(words.compactMap { $0 }.map { UInt64(bitPattern: $0) })
        case .countVector:
            let words = elements.map { NumberText.count($0) }
            guard !words.contains(nil) else { return false }
            cells[column] = .words(words.compactMap { $0 })
        default:
            guard elements.count == 1 else { return false }
            return set(column, elements[0])
        }
        return true
    }

    mutating func add(_ octets: some Collection<UInt8>) -> Text {
        let start = text.begin()
        text.bytes.append(contentsOf: octets.prefix(TextBuffer.textBytesMax))
        return text.end(start)
    }

    private mutating func cell(_ kind: ColumnKind, _ octets: ArraySlice<UInt8>) -> Cell? {
        switch kind {
        case .time, .interval: return NumberText.nanoseconds(octets).map { .word(UInt64(bitPattern: $0)) }
        case .count: return NumberText.count(octets).map { .word($0) }
        case .port: return NumberText.count(octets).flatMap { $0 <= 65_535 ? .word($0) : nil }
        case .integer: return NumberText.integer(octets).map { .word(UInt64(bitPattern: $0)) }
        case .real: return Double(String(decoding: octets, as: UTF8.self)).map { .word($0.bitPattern) }
        case .boolean: return NumberText.boolean(octets).map { .word($0 ? 1 : 0) }
        case .address: return Address(octets: octets).map { .address($0) }
        case .uid, .fuid: return .word(ForeignIdentity.value(octets).value)
        case .text, .enumeration: return .text(add(octets))
        default: return nil
        }
    }
}

/// Identities of other sensors in 64 bits.
///
/// One of Weir's own (a letter and 11 digits) is itself. Any other, such as Zeek's of 17 or 18 characters, is hashed:
/// the same text is the same identity in every log and every run.
enum ForeignIdentity {
    static func value(_ octets: ArraySlice<UInt8>) -> UID {
        if octets.count == 12, octets.first == UID.connectionPrefix || octets.first == UID.filePrefix,
            let own = UID(octets: octets)
        {
            return own
        }
        var hash = UID.prefix(sensor: "foreign identity")
        hash.absorb(Array(octets))
        return UID(value: hash.finish())
    }
}

/// Numbers as logs write them.
enum NumberText {
    /// Decimal digits.
    static func count(_ octets: ArraySlice<UInt8>) -> UInt64? {
        guard (1...20).contains(octets.count) else { return real(octets) }
        var value: UInt64 = 0
        for octet in octets {
            guard 0x30...0x39 ~= octet else { return real(octets) }
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, isBeyond) = product.addingReportingOverflow(UInt64(octet - 0x30))
            guard !isTooLarge, !isBeyond else { return nil }
            value = sum
        }
        return value
    }

    /// `12.0` and `1e3`: JSON writers make numbers of any form.
    private static func real(_ octets: ArraySlice<UInt8>) -> UInt64? {
        guard octets.count <= 32, let first = octets.first, 0x30...0x39 ~= first else { return nil }
        return Double(String(decoding: octets, as: UTF8.self)).flatMap { UInt64(exactly: $0) }
    }

    static func integer(_ octets: ArraySlice<UInt8>) -> Int64? {
        octets.count <= 32 ? Int64(String(decoding: octets, as: UTF8.self)) : nil
    }

    static func boolean(_ octets: ArraySlice<UInt8>) -> Bool? {
        switch String(decoding: octets.prefix(6), as: UTF8.self) {
        case "T", "true", "1": true
        case "F", "false", "0": false
        default: nil
        }
    }

    /// Seconds with a fraction, or a time of day and date (ISO 8601), as nanoseconds.
    static func nanoseconds(_ octets: ArraySlice<UInt8>) -> Int64? {
        var place = octets.startIndex
        let isNegative = octets.first == 0x2D
        if isNegative { place += 1 }
        var (seconds, fraction, digits): (Int64, Int64, Int) = (0, 0, 0)
        var whole = 0
        while place < octets.endIndex, 0x30...0x39 ~= octets[place] {
            guard whole < 10 else { return nil }
            seconds = seconds * 10 + Int64(octets[place] - 0x30)
            whole += 1
            place += 1
        }
        guard whole > 0 else { return nil }
        if place < octets.endIndex, octets[place] == 0x2E {
            place += 1
            while place < octets.endIndex, 0x30...0x39 ~= octets[place] {
                if digits < 9 {
                    fraction = fraction * 10 + Int64(octets[place] - 0x30)
                    digits += 1
                }
                place += 1
            }
        }
        guard place == octets.endIndex else { return ISOTime.nanoseconds(octets) ?? exponent(octets) }
        while digits < 9 {
            fraction *= 10
            digits += 1
        }
        guard seconds < 9_223_372_036 else { return nil }
        let value = seconds * 1_000_000_000 + fraction
        return isNegative ? -value : value
    }

    /// `1e-05` and its kin.
    private static func exponent(_ octets: ArraySlice<UInt8>) -> Int64? {
        guard octets.count <= 32, octets.contains(0x65) || octets.contains(0x45),
            let number = Double(String(decoding: octets, as: UTF8.self)), abs(number) < 9_223_372_036
        else { return nil }
        return Int64((number * 1e9).rounded())
    }
}

/// Times as ISO 8601 writes them: `2026-11-22T13:00:05.250000+0100`.
enum ISOTime {
    static func nanoseconds(_ octets: ArraySlice<UInt8>) -> Int64? {
        let text = Array(octets)
        guard text.count >= 19, text[4] == 0x2D, text[7] == 0x2D, text[10] == 0x54 || text[10] == 0x20,
            text[13] == 0x3A, text[16] == 0x3A, let year = number(text, 0, 4), let month = number(text, 5, 2),
            let day = number(text, 8, 2), let hour = number(text, 11, 2), let minute = number(text, 14, 2),
            let seconds = number(text, 17, 2),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, seconds <= 60, year >= 1678,
            year <= 2261
        else { return nil }
        var place = 19
        var fraction: Int64 = 0
        var scale: Int64 = 100_000_000
        if place < text.count, text[place] == 0x2E {
            place += 1
            while place < text.count, 0x30...0x39 ~= text[place] {
                fraction += Int64(text[place] - 0x30) * scale
                scale /= 10
                place += 1
            }
        }
        guard let offset = zone(Array(text[place...])) else { return nil }
        let days = ISOTime.days(year, month, day)
        let whole = days * 86_400 + hour * 3600 + minute * 60 + seconds - offset
        return whole * 1_000_000_000 + fraction
    }

    /// Seconds east of UTC.
    private static func zone(_ text: [UInt8]) -> Int64? {
        if text.isEmpty || text == [0x5A] { return 0 }
        guard text[0] == 0x2B || text[0] == 0x2D else { return nil }
        let digits = text.dropFirst().filter { $0 != 0x3A }
        guard digits.count == 4, let hours = number(digits, 0, 2), let minutes = number(digits, 2, 2), hours < 15,
            minutes < 60
        else { return nil }
        return (hours * 3600 + minutes * 60) * (text[0] == 0x2D ? -1 : 1)
    }

    private static func number(_ text: [UInt8], _ start: Int, _ count: Int) -> Int64? {
        var value: Int64 = 0
        for octet in text[start ..< start + count] {
            guard 0x30...0x39 ~= octet else { return nil }
            value = value * 10 + Int64(octet - 0x30)
        }
        return value
    }

    /// Days from 1970-01-01 to a date of the Gregorian calendar.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
