// SPDX-License-Identifier: Apache-2.0
//
// Many members of an object at once.
//
// Reads   the members of one object, each once.
// Writes  for each wanted key the place of its value.
// Leaves  members that nobody asked for.

/// A fixed list of keys, found without regard to the case of ASCII letters in
/// one walk over an object, however many they are. A key's number is its
/// position in the list.
package struct JSONKeyTable: Sendable {
    /// In lower case.
    private var keys: [[UInt8]] = []
    /// The keys as they were given.
    private var exact: [[UInt8]] = []
    /// Key's number + 1 by hash; 0 is a free place.
    private var slots: [UInt16] = []

    package init(_ names: [String]) {
        precondition(names.count < Int(UInt16.max), "the numbers of keys have 16 bits")
        slots = [UInt16](repeating: 0, count: 4)
        while slots.count < names.count * 3 { slots += slots }
        for name in names {
            let lowered = Array(name.utf8).map(JSONKeyTable.lowered)
            exact.append(Array(name.utf8))
            keys.append(lowered)
            var place = Int(JSONKeyTable.hash(lowered, 0..<lowered.count)) & (slots.count - 1)
            while slots[place] != 0 { place = (place + 1) & (slots.count - 1) }
            slots[place] = UInt16(keys.count)
        }
    }

    package var count: Int { keys.count }

    @inline(__always)
    private static func lowered(_ octet: UInt8) -> UInt8 { octet &- 0x41 < 26 ? octet | 0x20 : octet }

    /// FNV-1a over the lower-case form.
    private static func hash(_ octets: [UInt8], _ range: Range<Int>) -> UInt32 {
        var hash: UInt32 = 0x811C_9DC5
        for place in range { hash = (hash ^ UInt32(lowered(octets[place]))) &* 0x0100_0193 }
        return hash ^ hash >> 15
    }

    /// The number of the key that stands in `range`.
    package func number(of octets: [UInt8], _ range: Range<Int>) -> Int? {
        var place = Int(JSONKeyTable.hash(octets, range)) & (slots.count &- 1)
        while slots[place] != 0 {
            let number = Int(slots[place]) &- 1
            if equals(number, octets, range) { return number }
            place = (place &+ 1) & (slots.count &- 1)
        }
        return nil
    }

    private func equals(_ number: Int, _ octets: [UInt8], _ range: Range<Int>) -> Bool {
        guard keys[number].count == range.count else { return false }
        for offset in 0..<range.count
        where keys[number][offset] != JSONKeyTable.lowered(octets[range.lowerBound &+ offset]) { return false }
        return true
    }

    fileprivate func isExact(_ number: Int, _ octets: [UInt8], _ range: Range<Int>) -> Bool {
        for offset in 0..<range.count where exact[number][offset] != octets[range.lowerBound &+ offset] { return false }
        return true
    }
}

/// The members that a `JSONKeyTable` has found in one object.
package struct JSONFound {
    private let document: JSONDocument
    private let places: [UInt32]

    init(document: JSONDocument, places: [UInt32]) {
        self.document = document
        self.places = places
    }

    /// The value of the key of this number. null is a value.
    package subscript(_ number: Int) -> JSONValue? {
        places[number] == 0 ? nil : JSONValue(document: document, index: Int(places[number]))
    }
}

extension JSONValue {
    /// The members of this object that `table` names; none of anything else.
    /// Of several of one name the last counts, one written exactly so first.
    package func find(_ table: JSONKeyTable) -> JSONFound {
        var places = [UInt32](repeating: 0, count: table.count)
        guard isObject else { return JSONFound(document: document, places: places) }
        var exactly = [Bool](repeating: false, count: table.count)
        let nodes = document.nodes
        let octets = document.octets
        var place = index + 1
        for _ in 0..<count {
            let key = nodes[place]
            var range = Int(key.start) &+ 1 ..< Int(key.end) &- 1
            var text = octets
            if key.mark {
                text = []
                JSONEscapes.appendDecoded(octets, range, to: &text)
                range = 0..<text.count
            }
            if let number = table.number(of: text, range) {
                let isExact = table.isExact(number, text, range)
                if isExact || !exactly[number] { places[number] = UInt32(place &+ 1) }
                exactly[number] = exactly[number] || isExact
            }
            place = Int(nodes[place &+ 1].next)
        }
        return JSONFound(document: document, places: places)
    }
}
