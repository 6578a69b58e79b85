// SPDX-License-Identifier: Apache-2.0
//
// The values of one event's fields, each read when it is first asked for.
//
// Reads   octets, as a source gives them.
// Writes  each value as it is and in lower case.
// Leaves  where they come from (SigmaFields).

/// Gives the values of fields; the number is the field's in the matcher's list, 0 the whole event.
protocol SigmaFields {
    func add(_ field: Int, to values: inout SigmaValues)
}

/// Kept from one event to the next.
struct SigmaValues {
    struct Value {
        var plain: Range<Int>
        var lowered: Range<Int>
    }

    private(set) var plain: [UInt8] = []
    private(set) var lowered: [UInt8] = []
    private(set) var values: [Value] = []
    /// Of each field its values, and the event that they belong to.
    private var places: [(event: UInt64, range: Range<Int>)]
    private var event: UInt64 = 0

    /// Values of one field; an array of a record may have more, which are not looked at.
    static let valuesMax = 4096
    /// Octets of one value that are looked at.
    static let octetsMax = 1 << 20

    init(fieldCount: Int) { places = Array(repeating: (0, 0..<0), count: fieldCount) }

    mutating func begin() {
        event &+= 1
        plain.removeAll(keepingCapacity: true)
        lowered.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }

    /// The numbers of a field's values.
    mutating func range(of field: Int, _ source: some SigmaFields) -> Range<Int> {
        if places[field].event == event { return places[field].range }
        let first = values.count
        source.add(field, to: &self)
        let range = first..<values.count
        places[field] = (event, range)
        return range
    }

    mutating func add(_ octets: ArraySlice<UInt8>) {
        let start = plain.count
        plain.append(contentsOf: octets.prefix(SigmaValues.octetsMax))
        close(start)
    }

    mutating func add(_ text: String) {
        let start = plain.count
        plain.append(contentsOf: text.utf8)
        close(start)
    }

    /// Appends octets to `plain` itself, and makes them a value.
    mutating func add(_ write: (inout [UInt8]) -> Void) {
        let start = plain.count
        write(&plain)
        close(start)
    }

    private mutating func close(_ start: Int) {
        let from = lowered.count
        var isASCII = true
        for place in start..<plain.count {
            let octet = plain[place]
            if octet >= 0x80 {
                isASCII = false
                break
            }
            lowered.append(octet &- 0x41 < 26 ? octet | 0x20 : octet)
        }
        if !isASCII {
            lowered.removeLast(lowered.count - from)
            lowered.append(contentsOf: String(decoding: plain[start...], as: UTF8.self).lowercased().utf8)
        }
        values.append(Value(plain: start..<plain.count, lowered: from..<lowered.count))
    }

    func text(_ value: Int) -> String { String(decoding: plain[values[value].plain], as: UTF8.self) }
}
